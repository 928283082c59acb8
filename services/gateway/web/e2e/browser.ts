import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { mkdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { pictures } from './hourglass'

/** The system's Chromium, under whichever of its names. */
export function launch(): Promise<Browser> {
  const names = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
  const executablePath = names.find((n) => n && existsSync(n))
  if (!executablePath) throw new Error('no Chromium here; set CHROMIUM to its path')
  return chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--enable-precise-memory-info'],
  })
}

export async function picture(page: Page, name: string): Promise<void> {
  await mkdir(pictures, { recursive: true })
  await page.screenshot({ path: path.join(pictures, name + '.png') })
}

/** The slices of an order's table and, each opened by its button, the quantities of their fills as they are shown. */
export async function shownFills(page: Page): Promise<{ slices: number[]; fills: string[] }> {
  const more = page.getByRole('button', { name: /^Show more of/ })
  if (await more.isVisible()) await more.click()
  const shown = await page.evaluate(async () => {
    const painted = () => new Promise((done) => setTimeout(done))
    const table = document.querySelector('[data-testid=slices]')
    const slices = [...(table?.querySelectorAll(':scope > tbody > tr > td:first-child:not([colspan])') ?? [])]
    const fills: (string | null)[] = []
    for (const button of table?.querySelectorAll<HTMLElement>('button[aria-expanded]') ?? []) {
      if (button.ariaExpanded !== 'true') button.click()
      await painted()
      const rows = table?.querySelectorAll('tr.open tbody tr td:nth-child(4)') ?? []
      fills.push(...[...rows].map((cell) => cell.textContent))
      button.click()
      await painted()
    }
    return { slices: slices.map((cell) => Number(cell.textContent)), fills }
  })
  return { slices: shown.slices, fills: shown.fills.map((q) => (q ?? '').replaceAll('\u2009', '')) } // without the grouping
}

/** What of the page can be scrolled sideways, the page itself included. */
export function sidewaysScrolling(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [document.documentElement, ...document.querySelectorAll('.scroll')]
      .filter((e) => e.scrollWidth > e.clientWidth)
      .map((e) => `${e.getAttribute('aria-label') ?? e.tagName}: ${e.scrollWidth - e.clientWidth} px too wide`),
  )
}

interface Violation {
  id: string
  impact: string | null
  help: string
  nodes: { html: string; failureSummary?: string }[]
}

/** What axe-core finds serious or critical on the page as it is now. */
export async function violations(page: Page): Promise<string[]> {
  // Through the debugger, not as a script of the page: its content security policy stays as it is.
  const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
  await page.evaluate(source)
  const found = (await page.evaluate('axe.run(document, { resultTypes: ["violations"] })')) as {
    violations: Violation[]
  }
  return found.violations
    .filter((v) => v.impact === 'serious' || v.impact === 'critical')
    .map(
      (v) =>
        `${v.id}: ${v.help}: ${v.nodes
          .slice(0, 3)
          .map((n) => n.html.slice(0, 160) + ' ' + (n.failureSummary ?? ''))
          .join(' | ')}`,
    )
}
