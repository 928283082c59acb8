/** How an order's picture changes with the events of its owner: pure, so that a replayed event changes nothing. */
import { add, compare, divide, from, mul, parse, sub, zero, type Decimal } from '../decimal/decimal'
import type { Fill, FullOrder, Order, OrderEvent, OrderStatus, Slice } from '../api/types'

const ended: OrderStatus[] = ['filled', 'expired', 'canceled', 'rejected']
export const hasEnded = (o: { status: OrderStatus }): boolean => ended.includes(o.status)

/** The newer of two states of an order; events and answers may overtake each other. */
export function newer<T extends Order>(held: T | undefined, seen: Order): T {
  return held && held.version > seen.version ? held : ({ ...held, ...seen } as T)
}

export function applyToList(orders: Order[], e: OrderEvent): Order[] {
  const o = e.order
  if (!o) return orders
  const i = orders.findIndex((x) => x.id === o.id)
  if (i < 0) return [o, ...orders]
  const merged = newer(orders[i], o)
  return merged === orders[i] ? orders : orders.with(i, merged)
}

export function apply(held: FullOrder, e: OrderEvent): FullOrder {
  if (e.token_id !== held.token_id && e.order?.id !== held.id) return held
  let next = e.order ? newer(held, e.order) : held
  if (e.schedule?.length) next = { ...next, schedule: replan(next, e.schedule) }
  if (e.slice) next = { ...next, slices: mergeSlice(next.slices ?? [], e.slice, e.fills ?? []) }
  return next
}

/** An amendment plans anew what is to come; what was decided stays. */
function replan(o: FullOrder, planned: FullOrder['schedule']): FullOrder['schedule'] {
  const first = planned[0]?.k ?? 1
  return [...(o.schedule ?? []).filter((p) => p.k < first), ...planned]
}

function mergeSlice(slices: Slice[], s: Slice, fills: Fill[]): Slice[] {
  const i = slices.findIndex((x) => x.k === s.k)
  const old = slices[i]
  const merged: Slice = { ...old, ...s, fills: mergeFills(old?.fills ?? [], [...(s.fills ?? []), ...fills]) }
  if (i >= 0) return slices.with(i, merged)
  return [...slices, merged].sort((a, b) => a.k - b.k)
}

function mergeFills(held: Fill[], seen: Fill[]): Fill[] {
  const known = new Set(held.map((f) => f.id))
  const fresh = seen.filter((f) => !known.has(f.id) && known.add(f.id))
  return fresh.length ? [...held, ...fresh] : held
}

export const fillsOf = (o: FullOrder): Fill[] => (o.slices ?? []).flatMap((s) => s.fills ?? [])

export interface Step {
  at: number // milliseconds since 1970
  total: Decimal
}

/** What the schedule asks for so far, step by step. */
export function plannedSteps(o: FullOrder): Step[] {
  let total = zero
  return (o.schedule ?? []).map((p) => ({
    at: Date.parse(p.due_at),
    total: (total = add(total, parse(p.quantity) ?? zero)),
  }))
}

export function filledSteps(o: FullOrder): Step[] {
  let total = zero
  return fillsOf(o)
    .map((f) => ({ at: Date.parse(f.at), quantity: parse(f.quantity) ?? zero }))
    .sort((a, b) => a.at - b.at)
    .map((f) => ({ at: f.at, total: (total = add(total, f.quantity)) }))
}

/** Planned by now but not filled; never below zero. */
export function backlog(o: FullOrder, now: number): Decimal {
  const due = plannedSteps(o).findLast((s) => s.at <= now)?.total ?? zero
  const behind = sub(due, from(o.filled_quantity) ?? zero)
  return compare(behind, zero) > 0 ? behind : zero
}

/** The next slice to come; none once the order has ended. */
export function nextSlice(o: FullOrder, now: number) {
  if (hasEnded(o)) return undefined
  const decided = new Set((o.slices ?? []).filter((s) => s.decided_at).map((s) => s.k))
  return (o.schedule ?? []).find((p) => Date.parse(p.due_at) > now && !decided.has(p.k))
}

/**
 * The time-weighted mean of the mids at the decisions: each counts until the next one, the newest until `now`. A running
 * benchmark between slices, until the report has the one of all the book's mids.
 */
export function runningTwap(o: FullOrder, now: number): Decimal | undefined {
  const seen = (o.slices ?? [])
    .map((s) => ({ at: Date.parse(s.decided_at ?? s.due_at), mid: from(s.decision_mid) }))
    .filter((s): s is { at: number; mid: Decimal } => !!s.mid && Number.isFinite(s.at))
    .sort((a, b) => a.at - b.at)
  let [sum, length] = [zero, 0]
  for (const [i, { at, mid }] of seen.entries()) {
    const stood = Math.max(0, (seen[i + 1]?.at ?? now) - at) // zero for the newest if this clock is behind
    sum = add(sum, mul(mid, milliseconds(stood)))
    length += stood
  }
  if (!length) return seen.at(-1)?.mid
  return divide(sum, milliseconds(length), Math.max(sum.scale, 4))
}

const milliseconds = (n: number): Decimal => ({ units: BigInt(Math.round(n)), scale: 0 })
