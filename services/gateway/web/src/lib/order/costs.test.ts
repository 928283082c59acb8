import { expect, it } from 'vitest'
import type { Report } from '../api/types'
import { toText } from '../decimal/decimal'
import { costs, fillsCsv } from './costs'

const report = {
  decision_mid: '50000',
  order: { quantity: '2' },
  cost_breakdown: { timing: '-10', half_spread: '1', depth: '3', trading_total: '-6' },
  implementation_shortfall: {
    delay: '5',
    trading: '-6',
    opportunity: null,
    fees: '100',
    total: '99',
    total_bps: '9.9',
  },
  fills: [{ id: 'a,"b"', slice: 1, exchange: 'kraken', price: '1.10' }],
} as unknown as Report

it('tells each part in money and in basis points of what was decided on', () => {
  expect(costs(report).map((c) => [c.name, c.amount && toText(c.amount), c.bps && toText(c.bps)])).toEqual([
    ['Delay', '5', '0.5'],
    ['Timing', '-10', '-1'],
    ['Half-spread', '1', '0.1'],
    ['Depth', '3', '0.3'],
    ['Fees', '100', '10'],
    ['Opportunity', undefined, undefined],
  ])
})
it('quotes what CSV would trip over, and leaves numbers as they came', () => {
  expect(fillsCsv(report).split('\r\n')[1]).toBe('"a,""b""",1,kraken,,,1.10,,,,,,,')
})
