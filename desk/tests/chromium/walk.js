// What a person with a keyboard and no script does at the desk, at three widths, in light and in dark.
const assert = require('node:assert/strict');
const { chromium } = require('playwright-core');

const [url, shots] = process.argv.slice(2);
const PATHS = {
  overview: '', dead: 'rows?state=dead', backoff: 'rows?state=waiting&source=scoreapp', none: 'rows?source=nobody',
  source: 'source?source=scoreapp', replay: 'replay?state=dead&source=scoreapp', erase: 'erase?source=tomba', person: 'person',
};

async function main() {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
  try {
    for (const width of [360, 768, 1400]) {
      for (const colorScheme of ['light', 'dark']) {
        const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme });
        await look(context, `${width}-${colorScheme}`, width);
        await context.close();
      }
    }
    await press(await browser.newContext({ javaScriptEnabled: false }));
    await fromElsewhere(await browser.newContext());
  } finally {
    await browser.close();
  }
}

// Violations of the policy and failed requests are errors of the console.
function watch(page) {
  page.on('console', (message) => assert.fail(`${page.url()}: ${message.text()}`));
  page.on('request', (request) => assert(request.url().startsWith(url), `leaves the page: ${request.url()}`));
}

async function look(context, name, width) {
  for (const [path, query] of Object.entries(PATHS)) {
    const page = await context.newPage();
    watch(page);
    await page.goto(url + query);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert(wide <= width, `${path} is ${wide} wide at ${width}`);
    await page.screenshot({ path: `${shots}/${path}-${name}.png`, fullPage: true });
    await page.close();
  }
}

async function press(context) {
  const page = await context.newPage();
  watch(page);
  const heading = () => page.locator('h1').textContent();
  // Tabs to the link or button with this text, and presses it.
  const go = async (text) => {
    for (let tabs = 0; tabs < 300; tabs += 1) {
      await page.keyboard.press('Tab');
      const focused = await page.locator(':focus').allTextContents();
      if (focused[0]?.trim() === text) {
        await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
        return;
      }
    }
    assert.fail(`the keyboard does not reach ${text} on ${page.url()}`);
  };

  await page.goto(url);
  const dead = await page.locator('.bad a').first().textContent();
  await go(dead);
  assert.equal(await heading(), `${dead} rows`);
  await go('Replay these…');
  await go(`Replay ${dead} rows`);
  assert.equal(await heading(), `${dead} replayed`);

  await page.goto(`${url}source?source=grader`);
  await go('Resume');
  await go('Pause');
  assert.match(await page.locator('main').textContent(), /No worker has taken its rows since/);

  await page.goto(`${url}rows?state=waiting&source=tomba`);
  await go(await page.locator('ol.rows:not(.groups) a').first().textContent());
  await go('Show the body');
  assert.match(await page.locator('pre').textContent(), /example\.com/);

  await page.goto(`${url}person`);
  await page.getByLabel('E-mail address').focus();
  await page.keyboard.type('lead12@example.com');
  await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
  assert(!page.url().includes('lead12'), page.url());
  const rows = (await heading()).split(' ')[0];
  await go('Erase these…');
  await go(`Erase ${rows} rows`);
  assert.equal(await heading(), `${rows} erased`);
}

async function fromElsewhere(context) {
  const page = await context.newPage();
  await page.setContent(`<form method="post" action="${url}pause?source=scoreapp"><button>x</button></form>`);
  await Promise.all([page.waitForNavigation(), page.locator('button').click()]);
  assert.match(await page.locator('h1').textContent(), /does not come from this page/);
}

main().then(() => console.log('walked'), (error) => {
  console.error(error);
  process.exitCode = 1;
});
