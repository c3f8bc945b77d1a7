/** For clients that end a subscription when the wire breaks: subscribes anew, each time behind the last event seen. */

const PAUSE_MS = 100;

/**
 * `subscribe(after, next, end)` starts one subscription and answers how to stop it; it calls `end(cause)` when it is
 * over, whatever the cause. Answers how to stop the whole.
 */
export function resuming(subscribe, onEvent, onBreak) {
  let after = null;
  let isStopped = false;
  let stop = () => {};
  const start = () => {
    let isOver = false;
    stop = subscribe(
      after,
      (event) => {
        if (isStopped || isOver) return;
        after = event.cursor;
        onEvent(event);
      },
      (cause) => {
        if (isStopped || isOver) return;
        isOver = true;
        onBreak(cause);
        setTimeout(() => isStopped || start(), PAUSE_MS);
      },
    );
  };
  start();
  return () => {
    isStopped = true;
    stop();
  };
}
