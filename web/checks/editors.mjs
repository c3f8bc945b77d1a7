/** GraphiQL as a person uses it: its editors are typed into, its buttons pressed, its answer read off the page. */

const PLACES = {
  query: ".graphiql-query-editor .monaco-editor",
  headers: '.graphiql-editor-tool .graphiql-editor:not(.hidden) .monaco-editor',
};

export class Editors {
  constructor(page, waitMs) {
    this.page = page;
    this.waitMs = waitMs;
  }

  /** Waits until all editors stand and the first question to the schema is answered. */
  async ready() {
    await this.page.locator(`${PLACES.query} .view-line`).first().waitFor({ timeout: this.waitMs });
    await this.page.locator(".graphiql-response .monaco-editor").waitFor({ timeout: this.waitMs });
    await this.page.waitForLoadState("networkidle");
  }

  async write(place, text) {
    await this.page.locator(PLACES[place]).first().click();
    await this.page.keyboard.press("ControlOrMeta+A");
    await this.page.keyboard.press("Delete");
    await this.page.keyboard.insertText(text);
  }

  async headers(values) {
    await this.page.locator('button[data-name="headers"]').click();
    await this.write("headers", JSON.stringify(values));
  }

  async execute() {
    await this.page.locator(".graphiql-execute-button").click();
  }

  async openDocumentation() {
    await this.page.getByRole("button", { name: "Show Documentation Explorer" }).click();
  }

  /** Waits until the answer pane shows `pattern`; says what it shows when it does not. */
  async answer(pattern) {
    const deadline = Date.now() + this.waitMs;
    let shown = "";
    while (Date.now() < deadline) {
      // Monaco draws blanks as no-break spaces.
      shown = (await this.page.locator(".graphiql-response .view-lines").innerText()).replaceAll("\u00a0", " ");
      if (pattern.test(shown)) return;
      await this.page.waitForTimeout(100);
    }
    throw new Error(`expected ${pattern} in the answer, which shows:\n${shown || "(nothing)"}`);
  }
}
