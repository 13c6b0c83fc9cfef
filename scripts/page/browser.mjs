// A browser without a window, driven over its pipe: no package is needed.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ANSWER_MAX = 30_000; // milliseconds
const LOOK_EVERY = 20;

export class Browser {
  constructor(program) {
    this.folder = mkdtempSync(join(tmpdir(), "stormglass-browser-"));
    this.process = spawn(program, [
      "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe",
      `--user-data-dir=${this.folder}`, "about:blank",
    ], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    this.asked = new Map();
    this.number = 0;
    this.told = [];
    let text = "";
    this.process.stdio[4].on("data", (part) => {
      text += part;
      const whole = text.split("\0");
      text = whole.pop();
      whole.forEach((message) => this.hear(JSON.parse(message)));
    });
  }

  hear(message) {
    if (message.id === undefined) {
      this.told.push(message);
      return;
    }
    const { resolve, reject, limit } = this.asked.get(message.id);
    clearTimeout(limit);
    this.asked.delete(message.id);
    if (message.error) reject(new Error(message.error.message));
    else resolve(message.result);
  }

  send(method, params = {}, sessionId = undefined) {
    this.number += 1;
    const id = this.number;
    this.process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => reject(new Error(`no answer to ${method}`)), ANSWER_MAX);
      this.asked.set(id, { resolve, reject, limit });
    });
  }

  async open(address, theme, isThere = "!document.getElementById('app').hidden") {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page(this, sessionId);
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await page.send(`${domain}.enable`);
    await page.send("Emulation.setDeviceMetricsOverride", { width: 1440, height: 900, deviceScaleFactor: 1, mobile: false });
    await page.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: theme }] });
    await page.send("Page.navigate", { url: address });
    await page.until("the page is there", `document.readyState === "complete" && ${isThere}`);
    await page.settle();
    return page;
  }

  async close() {
    await this.send("Browser.close").catch(() => {});
    await new Promise((resolve) => { this.process.once("exit", resolve); setTimeout(resolve, 5_000); });
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

class Page {
  constructor(browser, session) {
    this.browser = browser;
    this.session = session;
  }

  send(method, params) {
    return this.browser.send(method, params, this.session);
  }

  async value(expression) {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", { expression, returnByValue: true, awaitPromise: true });
    if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
    return result.value;
  }

  text(selector) {
    return this.value(`document.querySelector(${JSON.stringify(selector)}).textContent`);
  }

  /** Waits until what was asked for is drawn. */
  settle() {
    return this.value("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))");
  }

  async until(what, expression) {
    const limit = Date.now() + ANSWER_MAX;
    while (!(await this.value(expression))) {
      if (Date.now() > limit) throw new Error(`it never came true that ${what}`);
      await new Promise((resolve) => { setTimeout(resolve, LOOK_EVERY); });
    }
  }

  async key(key) {
    const text = key.length === 1 ? key : undefined;
    await this.send("Input.dispatchKeyEvent", { type: "keyDown", key, text });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", key });
    await this.settle();
  }

  async click(x, y) {
    for (const type of ["mousePressed", "mouseReleased"]) {
      await this.send("Input.dispatchMouseEvent", { type, x, y, button: "left", buttons: type === "mousePressed" ? 1 : 0, clickCount: 1 });
    }
    await this.settle();
  }

  async drag(from, to, y) {
    const at = (type, x, buttons) => this.send("Input.dispatchMouseEvent", { type, x, y, button: "left", buttons, clickCount: 1 });
    await at("mousePressed", from, 1);
    await at("mouseMoved", (from + to) / 2, 1);
    await at("mouseMoved", to, 1);
    await at("mouseReleased", to, 0);
    await this.settle();
  }

  async wheel(x, y, deltaY) {
    await this.send("Input.dispatchMouseEvent", { type: "mouseWheel", x, y, deltaX: 0, deltaY });
    await this.settle();
  }

  async type(text) {
    await this.send("Input.insertText", { text });
    await this.settle();
  }

  async picture() {
    const { data } = await this.send("Page.captureScreenshot", { format: "png" });
    return Buffer.from(data, "base64");
  }

  /** Errors, warnings and requests since the page was opened, its own file apart. */
  complaints() {
    const own = this.browser.told.filter((it) => it.sessionId === this.session);
    return own.flatMap(({ method, params }) => {
      switch (method) {
        case "Runtime.exceptionThrown": return [params.exceptionDetails.exception?.description ?? params.exceptionDetails.text];
        case "Runtime.consoleAPICalled": return [`console.${params.type}: ${params.args.map((it) => it.value).join(" ")}`];
        // That one is about whoever looks at canvases here, not about the page.
        case "Log.entryAdded": return params.entry.text.includes("willReadFrequently") ? [] : [`${params.entry.level}: ${params.entry.text}`];
        case "Network.requestWillBeSent": return params.type === "Document" ? [] : [`a request to ${params.request.url}`];
        default: return [];
      }
    });
  }
}
