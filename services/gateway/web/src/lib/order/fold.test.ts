import { expect, it } from 'vitest'
import type { Fill, FullOrder, OrderEvent, Slice } from '../api/types'
import { toText } from '../decimal/decimal'
import { apply, applyToList, backlog, fillsOf, filledSteps, nextSlice, plannedSteps, runningTwap } from './fold'

const at = (s: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, s)).toISOString()
const ms = (s: number) => Date.parse(at(s))
const base = {
  id: 'o1',
  token_id: 't',
  version: 1,
  status: 'active',
  quantity: '0.3',
  filled_quantity: '0',
  schedule: [0, 10, 20].map((s, i) => ({ k: i + 1, due_at: at(s), quantity: '0.1' })),
  slices: [],
} as unknown as FullOrder
const fill = (id: string, quantity: string, s: number) => ({ id, quantity, at: at(s), slice: 1 }) as Fill
const slice = (k: number, more: Partial<Slice> = {}) => ({ k, decided_at: at(0), status: 'filled', ...more }) as Slice
const event = (more: Partial<OrderEvent>) =>
  ({ seq: 1, event: 'slice_arrived', ts: at(0), token_id: 't', ...more }) as OrderEvent

it('counts a redelivered fill once', () => {
  const e = event({ slice: slice(1), fills: [fill('f1', '0.05', 1), fill('f2', '0.05', 1)] })
  const twice = apply(apply(base, e), e)
  expect(fillsOf(twice).map((f) => f.id)).toEqual(['f1', 'f2'])
  expect(filledSteps(twice).map((s) => toText(s.total))).toEqual(['0.05', '0.1'])
})
it('keeps the newer state when an old one arrives late', () => {
  const held = { ...base, version: 5, status: 'canceled' as const }
  expect(apply(held, event({ order: { ...base, version: 3 } })).status).toBe('canceled')
  expect(applyToList([held], event({ order: { ...base, version: 3 } }))[0]).toBe(held)
})
it('leaves other orders alone', () => {
  expect(apply(base, event({ token_id: 'other', slice: slice(1) }))).toBe(base)
})
it('puts a new order first in the list', () => {
  expect(applyToList([base], event({ order: { ...base, id: 'o2' } })).map((o) => o.id)).toEqual(['o2', 'o1'])
})
it('plans anew what is to come after an amendment, and keeps what was decided', () => {
  const next = apply(base, event({ event: 'order_amended', schedule: [{ k: 3, due_at: at(20), quantity: '0.4' }] }))
  expect(plannedSteps(next).map((s) => toText(s.total))).toEqual(['0.1', '0.2', '0.6'])
})
it('says what is behind the schedule and what comes next', () => {
  expect(toText(backlog({ ...base, filled_quantity: '0.15' }, ms(11)))).toBe('0.05')
  expect(toText(backlog({ ...base, filled_quantity: '0.3' }, ms(11)))).toBe('0')
  expect(nextSlice(base, ms(11))?.k).toBe(3)
  expect(nextSlice({ ...base, status: 'filled' }, ms(11))).toBeUndefined()
})
it('weighs each mid by how long it stood', () => {
  const mid = (k: number, decision_mid: string | null, s: number) => slice(k, { decision_mid, decided_at: at(s) })
  const twap = (slices: Slice[], now: number) => {
    const d = runningTwap({ ...base, slices }, ms(now))
    return d && toText(d)
  }
  expect(twap([], 5)).toBeUndefined()
  expect(twap([mid(1, null, 0)], 5)).toBeUndefined()
  expect(twap([mid(1, '100.1', 0)], 0)).toBe('100.1')
  expect(twap([mid(1, '100', 0), mid(2, '200', 10)], 20)).toBe('150')
  expect(twap([mid(1, '100', 0), mid(2, '200', 30)], 40)).toBe('125')
  expect(twap([mid(2, '200', 30), mid(1, '100', 0)], 40), 'in whatever order').toBe('125')
  expect(twap([mid(1, '100', 0), mid(2, null, 10), mid(3, '400', 20)], 30), 'a mid stands until the next').toBe('200')
  expect(twap([mid(1, '100', 0), mid(2, '200', 10)], 5), 'a clock that is behind').toBe('100')
  expect(twap([mid(1, '0.1', 0), mid(2, '0.2', 1)], 3)).toBe('0.1667')
})
