/** What an order cost, part by part, in money and in basis points of its worth at the decision. Pure. */
import { divide, from, mul, round, sign, type Decimal } from '../decimal/decimal'
import type { Report } from '../api/types'

export interface Cost {
  name: string
  says: string
  amount: Decimal | undefined
  bps: Decimal | undefined
}

const parts = [
  ['Delay', 'the price moved between the decision and the start', (r: Report) => r.implementation_shortfall.delay],
  ['Timing', 'the price moved while the order was worked', (r: Report) => r.cost_breakdown.timing],
  ['Half-spread', 'from the mid to the best price', (r: Report) => r.cost_breakdown.half_spread],
  ['Depth', 'from the best price into the book', (r: Report) => r.cost_breakdown.depth],
  ['Fees', 'of the exchanges', (r: Report) => r.implementation_shortfall.fees],
  [
    'Opportunity',
    'what was not filled, at the price of the end',
    (r: Report) => r.implementation_shortfall.opportunity,
  ],
] as const

export function costs(r: Report): Cost[] {
  const worth = worthOf(r)
  return parts.map(([name, says, read]) => {
    const amount = from(read(r))
    return {
      name,
      says,
      amount,
      bps: amount && worth && divide({ units: amount.units * 10_000n, scale: amount.scale }, worth, 4),
    }
  })
}

function worthOf(r: Report): Decimal | undefined {
  const mid = from(r.decision_mid ?? r.arrival_mid)
  const quantity = from(r.order.quantity)
  return mid && quantity && mul(mid, quantity)
}

/** The colour of a cost as it is shown, to two places: a cost, a gain, or neither. */
export function tone(bps: string | null | undefined): 'sell' | 'buy' | '' {
  const d = from(bps)
  const s = d ? sign(round(d, 2)) : 0
  return s > 0 ? 'sell' : s < 0 ? 'buy' : ''
}

const columns = [
  'id',
  'slice',
  'exchange',
  'at',
  'side',
  'price',
  'quantity',
  'fee',
  'book_sequence',
  'exchange_seq',
  'level',
  'displayed',
  'remembered',
] as const

/** The fills as CSV (RFC 4180), one a line, exactly as they were told. */
export function fillsCsv(r: Report): string {
  const cell = (v: unknown) => {
    const text = String(v ?? '')
    return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text
  }
  return [columns.join(','), ...r.fills.map((f) => columns.map((c) => cell(f[c])).join(','))].join('\r\n') + '\r\n'
}
