-- Invariants of durable work (engine.md, 12). Every query must return zero rows, at any moment between transactions, on SQLite
-- and on PostgreSQL. Columns are always (code, account_id, ref): which rule, whose, which row.
-- Statements end with ";" at the end of a line; no statement holds another ";".

-- R1 an ended task has no open hold
SELECT 'R1' AS code, t.account_id, h.id AS ref
  FROM ai_task t JOIN ai_task_item i ON i.ai_task_id = t.id JOIN credit_hold h ON h.id = i.hold_id
 WHERE t.finished_at IS NOT NULL AND h.state = 'held';

-- R1 an ended task has no open item, and an open task of its own has one
SELECT 'R1' AS code, t.account_id, t.id AS ref
  FROM ai_task t LEFT JOIN (
    SELECT ai_task_id, COUNT(*) AS n FROM ai_task_item WHERE state = 'PENDING' GROUP BY ai_task_id) i ON i.ai_task_id = t.id
 WHERE (t.finished_at IS NOT NULL AND i.n IS NOT NULL) OR (t.finished_at IS NULL AND i.n IS NULL AND t.run_id IS NULL);

-- R2 a settled hold belongs to an item delivered, or cancelled with known usage
SELECT 'R2' AS code, h.account_id, h.id AS ref
  FROM credit_hold h LEFT JOIN ai_task_item i ON i.hold_id = h.id
 WHERE h.work_kind = 'ai_task_item' AND h.state = 'settled'
   AND (i.id IS NULL OR i.state NOT IN ('DELIVERED', 'CANCELLED') OR i.credits IS NULL OR i.credits <> h.settled);

-- R2 a delivered item has exactly one settled hold and one usage row, of the same credits
SELECT 'R2' AS code, i.account_id, i.id AS ref
  FROM ai_task_item i LEFT JOIN credit_hold h ON h.id = i.hold_id LEFT JOIN (
    SELECT item_id, COUNT(*) AS n, SUM(credits) AS credits FROM credit_usage GROUP BY item_id) u ON u.item_id = i.id
 WHERE (i.state = 'DELIVERED' AND (h.state IS NULL OR h.state <> 'settled' OR COALESCE(u.n, 0) <> 1 OR u.credits <> h.settled))
    OR (i.state IN ('PENDING', 'FAILED') AND (u.n IS NOT NULL OR h.state = 'settled'));

-- R3 no two unfinished jobs of one kind and subject
SELECT 'R3' AS code, j.account_id, j.id AS ref
  FROM job j JOIN job k ON k.kind = j.kind AND k.subject_kind = j.subject_kind AND k.subject_id = j.subject_id AND k.id > j.id
 WHERE j.state IN ('ready', 'running') AND k.state IN ('ready', 'running');

-- R5 the events of a task are numbered 1 .. event_seq, no gap
SELECT 'R5' AS code, t.account_id, t.id AS ref
  FROM ai_task t LEFT JOIN (
    SELECT subject_id, COUNT(*) AS n, MIN(seq) AS low, MAX(seq) AS high
      FROM run_event WHERE subject_kind = 'ai_task' GROUP BY subject_id) e ON e.subject_id = t.id
 WHERE COALESCE(e.n, 0) <> t.event_seq OR (t.event_seq > 0 AND (e.low <> 1 OR e.high <> t.event_seq));

-- R3 no two unfinished runs of one site
SELECT 'R3' AS code, r.account_id, r.id AS ref
  FROM automation_run r JOIN automation_run o ON o.site_id = r.site_id AND o.id > r.id
 WHERE r.finished_at IS NULL AND o.finished_at IS NULL;

-- R5 the events of a run are numbered 1 .. event_seq, no gap
SELECT 'R5' AS code, r.account_id, r.id AS ref
  FROM automation_run r LEFT JOIN (
    SELECT subject_id, COUNT(*) AS n, MIN(seq) AS low, MAX(seq) AS high
      FROM run_event WHERE subject_kind = 'automation_run' GROUP BY subject_id) e ON e.subject_id = r.id
 WHERE COALESCE(e.n, 0) <> r.event_seq OR (r.event_seq > 0 AND (e.low <> 1 OR e.high <> r.event_seq));

-- R7 a quota counts what truly runs, within its cap
SELECT 'R7' AS code, q.account_id, q.account_id AS ref
  FROM job_quota q LEFT JOIN (
    SELECT account_id, lane, COUNT(*) AS n FROM job WHERE state = 'running' GROUP BY account_id, lane) j
    ON j.account_id = q.account_id AND j.lane = q.lane
 WHERE q.running <> COALESCE(j.n, 0) OR q.running > q.cap;

-- R8 every firing has its job or a reason why not
SELECT 'R8' AS code, f.account_id, f.schedule_id AS ref
  FROM schedule_firing f LEFT JOIN job j ON j.id = f.job_id AND j.kind = 'automation.run' AND j.subject_id = f.run_id
 WHERE f.outcome = 'fired' AND j.id IS NULL;

-- R9 no attempt was sent after the event that acknowledged a cancel of its task
SELECT 'R9' AS code, a.account_id, a.id AS ref
  FROM ai_attempt a JOIN run_event e ON e.subject_kind = 'ai_task' AND e.subject_id = a.ai_task_id AND e.kind = 'STATE'
 WHERE e.payload LIKE '%"cancel"%' AND a.sent_at > e.at;

-- R9 no attempt was sent after the event that acknowledged a cancel of its run
SELECT 'R9' AS code, a.account_id, a.id AS ref
  FROM ai_attempt a JOIN ai_task t ON t.id = a.ai_task_id JOIN (
    SELECT subject_id, MIN(seq) AS seq FROM run_event
     WHERE subject_kind = 'automation_run' AND kind = 'STATE' AND payload LIKE '%"CANCELL%' GROUP BY subject_id) c ON c.subject_id = t.run_id
  JOIN run_event e ON e.subject_kind = 'automation_run' AND e.subject_id = c.subject_id AND e.seq = c.seq
 WHERE a.sent_at > e.at;

-- R10 every ended task has exactly one notification, its usage rows are its charged items, its figures their sums
SELECT 'R10' AS code, t.account_id, t.id AS ref
  FROM ai_task t LEFT JOIN (
    SELECT subject_id, COUNT(*) AS n FROM notification WHERE subject_kind = 'ai_task' GROUP BY subject_id) m ON m.subject_id = t.id
  LEFT JOIN (
    SELECT ai_task_id, COUNT(*) AS n, SUM(credits) AS credits FROM credit_usage GROUP BY ai_task_id) u ON u.ai_task_id = t.id
  LEFT JOIN (
    SELECT ai_task_id, SUM(CASE WHEN state = 'DELIVERED' THEN 1 ELSE 0 END) AS delivered,
           SUM(CASE WHEN state = 'FAILED' THEN 1 ELSE 0 END) AS failed,
           SUM(CASE WHEN credits IS NOT NULL THEN 1 ELSE 0 END) AS charged
      FROM ai_task_item GROUP BY ai_task_id) i ON i.ai_task_id = t.id
 WHERE (t.finished_at IS NOT NULL AND COALESCE(m.n, 0) <> 1) OR (t.finished_at IS NULL AND m.n IS NOT NULL)
    OR COALESCE(u.n, 0) <> COALESCE(i.charged, 0) OR COALESCE(u.credits, 0) <> t.credits_used
    OR t.items_delivered <> COALESCE(i.delivered, 0) OR t.items_failed <> COALESCE(i.failed, 0);

-- R10 every ended run has exactly one notification of its end, its counts are its items, and a paused one has none in flight
SELECT 'R10' AS code, r.account_id, r.id AS ref
  FROM automation_run r LEFT JOIN (
    SELECT subject_id, COUNT(*) AS n FROM notification
     WHERE subject_kind = 'automation_run' AND notification_type <> 'automation_paused' GROUP BY subject_id) m ON m.subject_id = r.id
  LEFT JOIN (
    SELECT run_id, SUM(CASE WHEN state = 'RUNNING' THEN 1 ELSE 0 END) AS running,
           SUM(CASE WHEN state IN ('SUCCEEDED', 'FAILED', 'SKIPPED') THEN 1 ELSE 0 END) AS ended
      FROM automation_item GROUP BY run_id) i ON i.run_id = r.id
  LEFT JOIN (
    SELECT run_id, SUM(succeeded + failed + skipped) AS ended, SUM(credits_used) AS credits
      FROM automation_stage GROUP BY run_id) s ON s.run_id = r.id
 WHERE (r.finished_at IS NOT NULL AND COALESCE(m.n, 0) <> 1) OR (r.finished_at IS NULL AND m.n IS NOT NULL)
    OR COALESCE(i.ended, 0) <> s.ended OR s.credits <> r.credits_used
    OR ((r.finished_at IS NOT NULL OR r.state = 'PAUSED') AND COALESCE(i.running, 0) <> 0);
