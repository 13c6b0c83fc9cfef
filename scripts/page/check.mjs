// Uses pages of runs as a reader would. See scripts/check-page.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Browser } from "./browser.mjs";

const [program, folder, pictures] = process.argv.slice(2);
const addressOf = (name) => pathToFileURL(join(folder, `${name}.html`)).href;
const recordOf = (name) => JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8"));
const done = [];

/** One thing that must hold; the first that does not ends everything. */
async function check(what, act) {
  try {
    await act();
  } catch (error) {
    throw new Error(`${what}: ${error.message}`);
  }
  done.push(what);
  console.log(`ok  ${what}`);
}

async function keep(page, name) {
  if (pictures) writeFileSync(join(pictures, `${name}.png`), await page.picture());
}

const windowOf = async (page) => {
  const text = await page.text("#window");
  const [from, to] = text.match(/[\d.]+/g).map(Number);
  return { from, to, length: to - from };
};
const instantOf = async (page) => Number.parseFloat(await page.text("#instant h2 span"));

/** How many colours a part of a canvas has, and a hash of it. */
const drawn = (page, id) => page.value(`(() => {
  const canvas = document.getElementById(${JSON.stringify(id)});
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const words = new Uint32Array(data.buffer);
  let hash = 0;
  for (const word of words) hash = (Math.imul(hash, 31) + word) | 0;
  return { colours: new Set(words).size, hash };
})()`);

const middle = { x: 700, y: 420 };

async function checkStorm(browser) {
  const page = await browser.open(addressOf("storm"), "light");
  const record = recordOf("storm");
  const story = await page.value("JSON.parse(document.getElementById('story').textContent)");

  await check("the page says which run, and what it came to", async () => {
    assert.equal(await page.text("h1"), `${record.scenario}, seed ${record.seed}`);
    assert.equal(await page.text(".verdict"), record.verdict);
    assert.equal(story.run.trace_hash, record.trace_hash);
  });
  await check("every lane is named, and drawn in more than one colour", async () => {
    const names = await page.value("[...document.querySelectorAll('#gutter [data-lane]')].map((it) => it.dataset.lane)");
    assert.deepEqual([...names].sort(), story.lanes.map((it) => it.name).sort());
    assert.ok((await drawn(page, "canvas")).colours > 20);
    assert.ok((await drawn(page, "overview")).colours > 3);
    assert.ok((await drawn(page, "axis")).colours > 3);
  });
  await keep(page, "storm-light");
  const whole = await windowOf(page);

  await check("keys zoom, pan, and show the whole run again", async () => {
    await page.key("+");
    const near = await windowOf(page);
    assert.ok(near.length < whole.length * 0.7);
    await page.key("ArrowRight");
    assert.ok((await windowOf(page)).from > near.from);
    await page.key("ArrowLeft");
    assert.equal((await windowOf(page)).from, near.from);
    await page.key("-");
    await page.key("0");
    assert.deepEqual(await windowOf(page), whole);
  });
  await check("the wheel zooms where the pointer is, and dragging pans", async () => {
    await page.wheel(middle.x, middle.y, -600);
    const near = await windowOf(page);
    assert.ok(near.length < whole.length && near.from > whole.from && near.to < whole.to);
    await page.drag(middle.x, middle.x - 200, middle.y);
    const moved = await windowOf(page);
    assert.ok(moved.from > near.from);
    assert.ok(Math.abs(moved.length - near.length) < near.length / 100);
    await page.key("0");
  });
  await check("a click chooses an instant, and the panel says its state", async () => {
    await page.click(middle.x, middle.y);
    const at = await instantOf(page);
    assert.ok(at > 0 && at < whole.to);
    for (const node of ["east-1", "east-2", "west-1", "west-2"]) assert.match(await page.text("#instant"), new RegExp(node));
    const serving = story.spans.find((it) => it.track === "role" && it.state === "serving");
    await page.value(`location.hash = "#at=${(serving.from + serving.to) / 2e9}"`);
    await page.until("the panel says who serves", "/serving.*epoch \\d/.test(document.getElementById('instant').textContent)");
  });
  await check("the slider chooses an instant", async () => {
    await page.value("(() => { const it = document.getElementById('scrubber'); it.value = 25000; it.dispatchEvent(new Event('input')); })()");
    await page.settle();
    assert.ok(Math.abs((await instantOf(page)) - (story.begin + (story.end - story.begin) / 4) / 1e9) < 0.001);
  });
  await check("a message under way is told at its instant", async () => {
    const long = story.messages.reduce((a, b) => (b[1] - b[0] > a[1] - a[0] && b[8] === "arrived" ? b : a));
    await page.value(`location.hash = "#at=${(long[0] + long[1]) / 2e9}"`);
    await page.until("the panel names it", `document.getElementById('instant').textContent.includes(${JSON.stringify(long[6])})`);
  });
  await check("search finds a command by its whole name, a block, a fault", async () => {
    await page.key("/");
    await page.type("c1:1");
    const count = Number.parseInt(await page.text("#matches"), 10);
    const exact = story.attempts.filter((it) => it.id === "c1:1").length;
    const longer = story.attempts.filter((it) => it.id.startsWith("c1:1")).length;
    assert.ok(count >= exact && count < longer, `${count} ${exact} ${longer}`);
    await page.key("Enter");
    assert.match(await page.text("#chosen"), /c1:1 /);
    await page.value("document.getElementById('search').select()");
    await page.type("block 5");
    assert.match(await page.text("#matches"), /match/);
    await page.key("Enter");
    assert.match(await page.text("#chosen"), /block/);
    await page.value("document.getElementById('search').select()");
    await page.type("no such thing");
    assert.equal(await page.text("#matches"), "no match");
    await page.key("Escape");
  });
  await check("a kind and a lane can be left out", async () => {
    await page.value("document.getElementById('filter').open = true");
    const before = await page.text("#status");
    const boxOf = (name) => `[...document.querySelectorAll('#choices label')].find((it) => it.textContent.trim() === ${JSON.stringify(name)}).querySelector('input')`;
    await page.value(`${boxOf("Messages")}.click()`);
    await page.settle();
    assert.match(await page.text("#status"), /^0 messages/);
    await page.value(`${boxOf("Messages")}.click()`);
    await page.value(`${boxOf("east-2")}.click()`);
    await page.settle();
    assert.equal(await page.value("document.querySelectorAll('#gutter [data-lane=\"east-2\"]').length"), 0);
    await page.value(`${boxOf("east-2")}.click()`);
    await page.settle();
    assert.equal(await page.text("#status"), before);
    await page.key("Escape");
  });
  await check("events are listed, and steps go from one to the next", async () => {
    await page.key("0");
    await page.key("e");
    assert.equal(await page.value("document.getElementById('instant').hidden"), true);
    const listed = await page.value("document.querySelectorAll('#events li').length");
    assert.ok(listed > 20, `${listed} events`);
    await page.key("e");
    await page.value("location.hash = '#at=2'");
    await page.until("the instant is shown", "document.querySelector('#instant h2 span').textContent.startsWith('2.000000')");
    await page.key(".");
    const [one, other] = [await page.text("#chosen"), await (async () => { await page.key("."); return page.text("#chosen"); })()];
    assert.notEqual(one, other);
    assert.ok((await instantOf(page)) > 2);
    await page.key(",");
    await page.key(",");
    assert.ok((await instantOf(page)) <= 2);
  });
  await check("keys are explained, and the explanation closes", async () => {
    await page.key("?");
    assert.equal(await page.value("document.getElementById('keys').open"), true);
    await keep(page, "keys");
    await page.value("document.getElementById('keys').close()");
  });
  await check("light becomes dark, and everything is drawn anew", async () => {
    const light = await drawn(page, "canvas");
    await page.key("t");
    assert.equal(await page.value("document.documentElement.dataset.theme"), "dark");
    assert.notEqual((await drawn(page, "canvas")).hash, light.hash);
  });
  await check("each message is an arrow when there are few in view", async () => {
    const fault = story.marks.find((it) => it.kind === "fault" && it.key.startsWith("crash"));
    await page.value(`location.hash = "#at=${fault.at / 1e9}"`);
    for (let i = 0; i < 6; i += 1) await page.key("+");
    await keep(page, "storm-near-dark");
    assert.match(await page.text("#status"), /messages? in view\.$/);
  });
  await check("it prints", async () => {
    const { data } = await page.send("Page.printToPDF", { landscape: true });
    assert.ok(data.length > 20_000);
  });
  await check("the console is silent, and nothing was asked for", async () => assert.deepEqual(page.complaints(), []));
}

async function checkFailing(browser) {
  const page = await browser.open(addressOf("failing"), "dark");
  const record = recordOf("failing");
  await check("a failing run opens at its finding, and in dark where that is wished", async () => {
    assert.equal(await page.value("document.documentElement.dataset.theme"), "dark");
    assert.equal(await page.text(".verdict"), record.verdict);
    assert.match(await page.text(".findings"), new RegExp(record.findings[0].oracle));
    assert.ok(Math.abs((await instantOf(page)) - record.findings[0].at) < 1e-5);
  });
  await check("what never ended is open at the end", async () => {
    const open = await page.value("JSON.parse(document.getElementById('story').textContent).attempts.filter((it) => it.end === null).map((it) => it.id)");
    assert.ok(open.length > 0);
    for (const id of open) assert.ok((await page.text("#instant")).includes(`${id} `), id);
  });
  await keep(page, "failing-dark");
  await check("a click on a finding shows its instant", async () => {
    await page.value("location.hash = '#at=0.1'");
    await page.until("another instant is shown", "document.querySelector('#instant h2 span').textContent.startsWith('0.1')");
    await page.value("document.querySelector('[data-finding=\"0\"]').click()");
    await page.settle();
    assert.ok(Math.abs((await instantOf(page)) - record.findings[0].at) < 1e-5);
    assert.match(await page.text("#chosen"), new RegExp(record.findings[0].oracle));
  });
  await check("the console of the failing run is silent", async () => assert.deepEqual(page.complaints(), []));
}

/** A page of as many messages as it may hold: everything still answers. */
async function checkLarge(browser) {
  const page = readFileSync(join(folder, "storm.html"), "utf8");
  const [before, rest] = page.split('<script type="application/json" id="story">');
  const [json, after] = rest.split("</script>", 1).concat(rest.slice(rest.indexOf("</script>")));
  const story = JSON.parse(json);
  const plain = story.messages;
  while (story.messages.length < 50_000) story.messages.push(...plain.map((it) => [...it]).slice(0, 50_000 - story.messages.length));
  writeFileSync(join(folder, "large.html"), `${before}<script type="application/json" id="story">${JSON.stringify(story).replaceAll("<", "\\u003c")}${after}`);
  const large = await browser.open(addressOf("large"), "light");
  await check("50,000 messages are drawn within a fifth of a second", async () => {
    assert.match(await large.text("#status"), /^50,000 messages in view: /);
    const spent = await large.value(`(async () => {
      const started = performance.now();
      for (let i = 0; i < 10; i += 1) {
        document.dispatchEvent(new KeyboardEvent("keydown", { key: i % 2 ? "0" : "+" }));
        await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      }
      return (performance.now() - started) / 10;
    })()`);
    console.log(`    ${spent.toFixed(0)} ms a frame`);
    assert.ok(spent < 200, `${spent} ms`);
  });
  await check("the console of the large page is silent", async () => assert.deepEqual(large.complaints(), []));
}

async function checkSweep(browser) {
  const page = await browser.open(addressOf("sweep"), "light", "document.querySelector('main.sweep') !== null");
  const { result } = recordOf("sweep");
  await check("a sweep's page has every failure, scenario, probe and fault", async () => {
    const text = await page.text("main");
    assert.ok(result.failures.length > 0);
    for (const failure of result.failures) {
      assert.ok(text.includes(failure.signature), failure.signature);
      assert.ok(text.replaceAll(/ \\\n +/g, " ").includes(failure.command), failure.command);
    }
    for (const part of ["scenarios", "probes", "faults"]) {
      for (const name of Object.keys(result[part])) assert.ok(text.includes(name), name);
    }
    const never = await page.value("document.querySelectorAll('.matrix .never').length");
    assert.equal(never, result.transitions_missing.length);
  });
  await check("its colours are the style's, and become dark", async () => {
    const ground = () => page.value("getComputedStyle(document.body).backgroundColor");
    const light = await ground();
    await keep(page, "sweep-light");
    await page.key("t");
    assert.notEqual(await ground(), light);
    await keep(page, "sweep-dark");
  });
  await check("the console of the sweep's page is silent", async () => assert.deepEqual(page.complaints(), []));
}

const browser = new Browser(program);
try {
  await checkStorm(browser);
  await checkFailing(browser);
  await checkLarge(browser);
  await checkSweep(browser);
  console.log(`${done.length} checks in a browser.`);
} catch (error) {
  console.error(`FAILED  ${error.message}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
