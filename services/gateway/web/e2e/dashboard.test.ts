/** The dashboard as a person uses it, against the real thing. Pictures of each step are kept in bin/screenshots. */
import { isDeepStrictEqual } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { add, parse, toText, zero } from '../src/lib/decimal/decimal'
import { launch, picture, shownFills, sidewaysScrolling, violations } from './browser'
import { Hourglass, Wire } from './hourglass'

const hourglass = new Hourglass()
const wire = new Wire(() => hourglass.address)
const password = 'correct horse battery'
let browser: Browser
let page: Page
const complaints: string[] = []
const lastStatus = new Map<string, number>() // of each request, by what it asked for
const url = () => `http://127.0.0.1:${wire.port}/`

beforeAll(async () => {
  await hourglass.start()
  await wire.open()
  browser = await launch()
  const tabs = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: 'dark' })
  page = await tabs.newPage()
  page.setDefaultTimeout(15_000)
  page.on('console', (m) => m.type() === 'error' && complaints.push(m.text() + ' ' + m.location().url))
  page.on('response', (r) => lastStatus.set(`${r.request().method()} ${new URL(r.url()).pathname}`, r.status()))
  page.on('pageerror', (e) => complaints.push(e.stack ?? e.message))
})
afterAll(async () => {
  await picture(page, 'last').catch(() => undefined)
  await browser?.close()
  await wire.close()
  await hourglass.remove()
})

const text = (id: string) => page.getByTestId(id)
const order = () => text('monitor')
const fill = (name: string, value: string) => page.locator(`input[name="${name}"]`).fill(value)
const press = (name: string | RegExp) => page.getByRole('button', { name }).click()
const status = (want: string) => page.locator(`[data-testid=monitor][data-status=${want}]`).waitFor()

async function signIn(secret: string): Promise<void> {
  await fill('username', 'trader')
  await fill('password', secret)
  await page.locator('form button.primary').click()
}

it('paints within a second, from this server alone, in less than 200 kB', async () => {
  const paints: number[] = []
  for (let i = 0; i < 3; i++) paints.push(await firstPaint()) // the first one also starts the browser's own processes
  const sizes: Promise<number>[] = []
  const elsewhere: string[] = []
  page.on('request', (r) => !r.url().startsWith(url()) && !r.url().startsWith('ws') && elsewhere.push(r.url()))
  page.on(
    'response',
    (r) =>
      /\/($|assets|icon)/.test(new URL(r.url()).pathname) &&
      sizes.push(
        r
          .request()
          .sizes()
          .then((s) => s.responseBodySize),
      ),
  )
  await page.goto(url())
  await page.locator('form').waitFor()
  const total = (await Promise.all(sizes)).reduce((a, b) => a + b, 0)
  console.log(`first paints ${paints.map(Math.round).join(', ')} ms; ${Math.round(total / 1000)} kB for the sign-in`)
  expect(Math.min(...paints)).toBeLessThan(1000)
  expect(total).toBeLessThan(200_000)
  expect(elsewhere).toEqual([])
  await picture(page, '01-sign-in')
})

// firstPaint loads the page with nothing cached.
async function firstPaint(): Promise<number> {
  const context = await browser.newContext()
  const fresh = await context.newPage()
  await fresh.goto(url())
  await fresh.locator('form').waitFor()
  const at = await fresh.evaluate(
    () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Infinity,
  )
  await context.close()
  return at
}

it('says which market it is before anybody signs in', async () => {
  expect(await text('market').innerText()).toContain('SIMULATED')
})

it('registers, and refuses a wrong password in plain words', async () => {
  await press('Register')
  await signIn(password)
  await page.getByRole('link', { name: 'New order' }).waitFor()
  await press('Sign out')
  await signIn('wrong password')
  await page.getByText('The name or the password is wrong.').waitFor()
  await picture(page, '02-wrong-password')
  await signIn(password)
  await page.getByRole('link', { name: 'New order' }).waitFor()
})

it('stays signed in over a reload and in another tab, by a cookie that no script can read', async () => {
  for (let i = 0; i < 2; i++) {
    await page.reload()
    await page.getByRole('link', { name: 'New order' }).waitFor()
  }
  const other = await page.context().newPage()
  await other.goto(url())
  await other.getByRole('link', { name: 'New order' }).waitFor()
  await other.close()
  const kept = (await page.context().cookies()).map((c) => [c.name, c.httpOnly, c.secure, c.sameSite, c.path])
  expect(kept).toEqual([['__Host-rt', true, true, 'Strict', '/']])
  const readable = await page.evaluate(() => JSON.stringify([document.cookie, localStorage, sessionStorage]))
  expect(readable).not.toMatch(/hgr_|eyJ/)
})

it('shows the market: candles, book of all exchanges, trades, lights', async () => {
  await text('ladder').locator('tbody tr').nth(10).waitFor()
  await text('trades').locator('tbody tr').first().waitFor()
  await text('last').waitFor()
  expect(await text('lights').innerText()).toMatch(/\d+\/\d+/)
  await page.waitForFunction(() => document.querySelectorAll('[data-testid=trades] tbody tr').length > 8)
  await picture(page, '03-market')
  await text('symbol').fill('eth')
  await page.getByRole('option').first().waitFor()
  await text('symbol').press('Enter')
  await page.waitForURL(/ETH/)
  await page.goto(url() + '#/market/BTC-USDT')
})

it('explains what is wrong while one types, and what the server would reject', async () => {
  await page.getByRole('link', { name: 'New order' }).click()
  await fill('quantity', '0.123456789012')
  await page.getByText(/whole multiple of/).waitFor()
  await fill('quantity', '900000')
  await text('rejection').waitFor()
  await picture(page, '04-rejected')
  await page.locator('form button.big').click()
  expect(page.url()).toContain('#/new')
  await text('rejection').waitFor()
})

it('previews the slices and the cost', async () => {
  await fill('quantity', '15')
  await fill('duration', '150s')
  await fill('interval', '3s')
  await text('preview').getByText('would be accepted').waitFor()
  await text('preview').getByText('50').first().waitFor()
  await picture(page, '05-preview')
})

it('places the order and watches it fill', async () => {
  await page.locator('form button.big').click()
  await status('active')
  await page.waitForFunction(
    () => Number(document.querySelector<HTMLElement>('[data-testid=monitor]')?.dataset.fills) >= 8,
    undefined,
    { timeout: 40_000 },
  )
  await text('slices')
    .getByRole('button', { name: /evidence/ })
    .first()
    .click()
  await page.getByText('Displayed').waitFor()
  await picture(page, '06-order')
})

it('pauses and resumes', async () => {
  await press('Pause')
  await status('paused')
  await text('slices').getByText('the order was paused').first().waitFor()
  await press('Resume')
  await status('active')
})

it('amends what is left', async () => {
  await press('Amend…')
  await fill('amend-quantity', '15.5')
  await picture(page, '07-amend')
  await page.getByRole('dialog').getByRole('button', { name: 'Amend', exact: true }).click()
  await page.getByRole('heading', { name: /15\.5/ }).waitFor()
})

it('says that the network is cut, and goes on without a hole', async () => {
  wire.cut()
  await text('connection').getByText(/lost/).waitFor()
  await picture(page, '08-cut')
  const before = Number(await order().getAttribute('data-fills'))
  await new Promise((done) => setTimeout(done, 4000)) // slices fall due meanwhile
  wire.mend()
  await text('connection')
    .getByText(/Connected again/)
    .waitFor()
  await moreFills(before)
  await noHole()
})

it('survives the death of the gateway', async () => {
  const before = Number(await order().getAttribute('data-fills'))
  await hourglass.stop()
  await text('connection').getByText(/lost/).waitFor()
  await hourglass.start()
  await text('connection')
    .getByText(/Connected again/)
    .waitFor({ timeout: 30_000 })
  await moreFills(before)
  await noHole()
})

const moreFills = (before: number) =>
  page.waitForFunction(
    (n) => Number(document.querySelector<HTMLElement>('[data-testid=monitor]')?.dataset.fills) > n,
    before,
  )

// noHole checks that the page's table has every slice up to the newest one, and exactly the fills that the gateway tells,
// whatever was cut meanwhile. The order goes on meanwhile, so that the two may need a moment to agree.
async function noHole(): Promise<void> {
  const id = page.url().split('/').at(-1) ?? ''
  await expect
    .poll(
      async () => {
        const told = sum(await executions(id))
        const { slices, fills } = await shownFills(page)
        console.log(
          `${slices.length} slices, ${fills.length} fills shown; told: ${told.count} of ${told.quantity} in all`,
        )
        return { missing: Math.max(...slices) - slices.length, shown: sum(fills), told }
      },
      { timeout: 30_000, interval: 200 },
    )
    .toSatisfy(({ missing, shown, told }) => missing === 0 && told.count > 0 && isDeepStrictEqual(shown, told))
}

/** How many fills, and how much in all. */
function sum(quantities: string[]): { count: number; quantity: string } {
  const total = quantities.reduce((t, q) => add(t, parse(q) ?? expect.fail(`a fill of ${q}`)), zero)
  return { count: quantities.length, quantity: toText(total) }
}

/** Asks the gateway past the page. */
async function ask<T>(path: string, init: RequestInit): Promise<T> {
  const answer = await fetch(`http://127.0.0.1:${hourglass.address.port}/v1${path}`, init)
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
  const text = await answer.text()
  return (text ? JSON.parse(text) : undefined) as T
}

/** The quantities of all fills of an order, as the gateway tells them to a session of its own. */
async function executions(id: string): Promise<string[]> {
  const { access_token } = await ask<{ access_token: string }>('/login', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ username: 'trader', password }),
  })
  const told: string[] = []
  let cursor: string | undefined = ''
  while (cursor !== undefined) {
    const answer: { executions: { quantity: string }[]; next_cursor?: string } = await ask(
      `/orders/${id}/executions?limit=500${cursor && '&cursor=' + encodeURIComponent(cursor)}`,
      { headers: { Authorization: 'Bearer ' + access_token } },
    )
    told.push(...answer.executions.map((x) => x.quantity))
    cursor = answer.next_cursor || undefined
  }
  return told
}

it('cancels after a confirmation', async () => {
  await press('Cancel…')
  await picture(page, '09-cancel')
  await press('Cancel the order')
  await status('canceled')
})

it('keeps the form when the session has ended, and signs in again on top of it', async () => {
  await page.getByRole('link', { name: 'New order' }).click()
  await fill('quantity', '0.75')
  await endSession()
  await page.getByText('Your session has ended').waitFor({ timeout: 20_000 })
  await picture(page, '10-session-ended')
  await page.getByRole('dialog').locator('input[name=password]').fill(password)
  await page.getByRole('dialog').locator('button.primary').click()
  await page.getByText('Your session has ended').waitFor({ state: 'hidden' })
  expect(await page.locator('input[name=quantity]').inputValue()).toBe('0.75')
})

/** Ends the page's session by signing out in another tab. */
async function endSession(): Promise<void> {
  const other = await page.context().newPage()
  await other.goto(url())
  await other.getByRole('button', { name: 'Sign out' }).click()
  await other.locator('input[name=password]').waitFor()
  await other.close()
}

it('reports what an order cost, alone and beside another', async () => {
  await fill('quantity', '0.5')
  await fill('duration', '8s')
  await fill('interval', '2s')
  await text('preview').getByText('would be accepted').waitFor()
  await page.locator('form button.big').click()
  await status('filled')
  await page.getByRole('link', { name: 'Report', exact: true }).click()
  await text('costs').getByText('Half-spread').waitFor()
  await page.getByText('provisional').waitFor({ state: 'hidden', timeout: 20_000 })
  await picture(page, '11-report')
  const saved = page.waitForEvent('download')
  await press('Fills as CSV')
  expect((await saved).suggestedFilename()).toMatch(/\.csv$/)
  await page.getByRole('combobox').selectOption({ index: 1 })
  await page.waitForFunction(() => document.querySelectorAll('[data-testid=costs]').length === 2)
  await picture(page, '12-two-reports')
})

it('shows and adds to the funds, and makes and removes an API key', async () => {
  await page.getByRole('link', { name: 'Account' }).click()
  await fill('amount', '1234.5')
  await press('Deposit')
  await page.getByText(/of paper are deposited/).waitFor()
  await fill('key-name', 'my bot')
  await fill('key-from', '10.0.0.0/8, nowhere')
  await press('Make key')
  await page.getByText('is neither an address nor a network').waitFor()
  await fill('key-from', '10.0.0.0/8, 2001:db8::1')
  await press('Make key')
  await text('secret').waitFor()
  await page.getByText('from 10.0.0.0/8, 2001:db8::1/128 only').waitFor()
  await page.getByText('not used yet').waitFor()
  await picture(page, '13-account')
  await press('Remove…')
  await press('Remove it')
  await page.getByText('No keys.').waitFor()
})

it('has nothing that axe-core finds serious, in either theme, and fits a phone', async () => {
  const found: string[] = []
  const views = [
    'market',
    'new',
    'orders',
    'account',
    (await lastOrder()).replace('#/', ''),
    (await lastOrder()).replace('#/orders', 'report'),
  ]
  for (const theme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme: theme })
    for (const [i, view] of views.entries()) {
      await page.goto(url() + '#/' + view)
      await page.waitForTimeout(700) // for the first frames of the streams
      if (theme === 'light') await picture(page, `light-${i}`)
      found.push(...(await violations(page)).map((v) => `${theme} ${view}: ${v}`))
    }
  }
  await page.setViewportSize({ width: 390, height: 844 })
  for (const [i, view] of views.entries()) {
    await page.goto(url() + '#/' + view)
    await page.waitForTimeout(700)
    await picture(page, `phone-${i}`)
    found.push(...(await sidewaysScrolling(page)).map((what) => `phone ${view}: ${what}`))
  }
  expect(found).toEqual([])
}, 240_000)

async function lastOrder(): Promise<string> {
  await page.goto(url() + '#/orders')
  return (await page.locator('td a').first().getAttribute('href')) ?? ''
}

it('had nothing to complain about meanwhile', () => {
  // What the tests themselves provoke, the browser reports too. A gateway that has just started, or is busy, may say 503: the page
  // then asks again, and that must not be the last word.
  expect(complaints.filter((c) => !/status of (4\d\d|503)|ERR_|WebSocket connection|net::/.test(c))).toEqual([])
  expect([...lastStatus].filter(([, status]) => status === 503)).toEqual([])
})
