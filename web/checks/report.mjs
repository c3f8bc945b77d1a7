/** Counts checks and ends with the one line that tools read: `N passed, N failed`. */

export class Report {
  #passed = 0;
  #failed = 0;

  pass(name) {
    this.#passed += 1;
    console.log(`ok    ${name}`);
  }

  fail(name, reason) {
    this.#failed += 1;
    console.error(`FAIL  ${name}\n      ${String(reason).replaceAll("\n", "\n      ")}`);
  }

  /** Runs one check; a thrown error is its failure. Answers whether it passed. */
  async check(name, body) {
    try {
      await body();
    } catch (cause) {
      this.fail(name, cause instanceof Error ? cause.message : cause);
      return false;
    }
    this.pass(name);
    return true;
  }

  /** Prints the closing line and sets the exit code. No check at all is a failure. */
  finish() {
    if (this.#passed + this.#failed === 0) this.fail("something was checked", "not one check ran");
    console.log(`${this.#passed} passed, ${this.#failed} failed`);
    process.exitCode = this.#failed === 0 ? 0 : 1;
  }
}

export function assert(condition, reason) {
  if (!condition) throw new Error(reason);
}

/** The server under test without a slash at its end: the first argument, or `INKLEDGER_URL`. */
export function baseUrl() {
  const given = process.argv[2] ?? process.env.INKLEDGER_URL;
  if (!given) {
    console.error("Which server? Give its address as the first argument or in INKLEDGER_URL.");
    process.exit(2);
  }
  return given.replace(/\/+$/, "");
}
