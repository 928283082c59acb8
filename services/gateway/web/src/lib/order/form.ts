/** The order form: what was typed, what is wrong with it, and the request that it makes. Pure. */
import { compare, format, isMultiple, max, mul, parse, sign, toText, zero, type Decimal } from '../decimal/decimal'
import type { Instrument, Preset, Side, Twap } from '../api/types'

export interface Draft {
  symbol: string
  side: Side
  exchanges: string[] // empty: all
  quantity: string
  duration: string
  interval: string
  limit: string
  slippage: string
  participation: string // percent
  catchUp: 'none' | 'next' | 'spread'
  endPolicy: 'expire' | 'sweep'
  routing: 'all_in' | 'price'
  sizeJitter: string // percent
  timeJitter: string // percent
  preset: Preset
  name: string
}

export const emptyDraft = (symbol: string): Draft => ({
  symbol,
  side: 'buy',
  exchanges: [],
  quantity: '',
  duration: '10m',
  interval: '15s',
  limit: '',
  slippage: '300',
  participation: '',
  catchUp: 'spread',
  endPolicy: 'expire',
  routing: 'all_in',
  sizeJitter: '0',
  timeJitter: '0',
  preset: 'standard',
  name: '',
})

export type Errors = Partial<Record<keyof Draft, string>>

/** Seconds of "90", "90s", "15m", "2h" or "1h30m"; undefined if it is none of these. */
export function seconds(text: string): number | undefined {
  const t = text.trim().toLowerCase()
  if (/^\d{1,6}$/.test(t)) return Number(t)
  const m = /^(?:(\d{1,4})h)?\s*(?:(\d{1,5})m)?\s*(?:(\d{1,6})s)?$/.exec(t)
  if (!m || !t) return undefined
  return Number(m[1] ?? 0) * 3600 + Number(m[2] ?? 0) * 60 + Number(m[3] ?? 0)
}

/** 5400 as "1h 30m". */
export function duration(total: number): string {
  const s = Math.max(0, Math.round(total))
  const parts = [
    [Math.floor(s / 3600), 'h'],
    [Math.floor(s / 60) % 60, 'm'],
    [s % 60, 's'],
  ] as const
  return (
    parts
      .filter(([n]) => n > 0)
      .map(([n, unit]) => n + unit)
      .join(' ') || '0s'
  )
}

/** The instruments of the exchanges that the order may go to. */
export const routed = (d: Draft, all: Instrument[]): Instrument[] =>
  all.filter((i) => i.symbol === d.symbol && (!d.exchanges.length || d.exchanges.includes(i.exchange ?? '')))

const coarsest = (steps: string[]): Decimal | undefined =>
  steps.map(parse).reduce<Decimal | undefined>((a, b) => (!a ? b : b ? max(a, b) : a), undefined)

/** The smallest quantity by which the order can be varied: the coarsest step of its exchanges. */
export const lot = (is: Instrument[]): Decimal | undefined => coarsest(is.map((i) => i.quantity_step))

function positive(text: string): Decimal | string {
  const d = parse(text)
  if (!d) return 'Enter a plain number, such as 0.5'
  return sign(d) > 0 ? d : 'Must be above zero'
}

function between(text: string, low: string, high: string, unit: string): string | undefined {
  const d = parse(text)
  const [lowest, highest] = [parse(low), parse(high)]
  if (!d || !lowest || !highest) return 'Enter a plain number'
  if (compare(d, lowest) < 0 || compare(d, highest) > 0) return `Between ${low} and ${high} ${unit}`.trim()
  return undefined
}

/** What is wrong, field by field. The server checks all of it again, and more. */
export function validate(d: Draft, all: Instrument[], mid?: Decimal): Errors {
  const errors: Errors = {}
  const put = (field: keyof Draft, message: string | undefined) => message && (errors[field] ??= message)
  const instruments = routed(d, all)
  put('quantity', quantityError(d, instruments, mid))
  put('limit', limitError(d, instruments))
  put('duration', timeError(d.duration, 86_400))
  put('interval', timeError(d.interval, 3_600))
  const [window, every] = [seconds(d.duration), seconds(d.interval)]
  if (window && every && Math.ceil(window / every) > 10_000) put('interval', 'That makes more than 10 000 slices')
  if (d.slippage) put('slippage', between(d.slippage, '0', '10000', 'bps'))
  if (d.participation) put('participation', between(d.participation, '0.01', '100', '%'))
  put('sizeJitter', between(d.sizeJitter || '0', '0', '50', '%'))
  put('timeJitter', between(d.timeJitter || '0', '0', '90', '%'))
  if (d.name && !/^[A-Za-z0-9_-]{1,64}$/.test(d.name)) put('name', 'Letters, digits, _ and -; at most 64')
  return errors
}

function quantityError(d: Draft, instruments: Instrument[], mid?: Decimal): string | undefined {
  if (!d.quantity) return 'How much in all?'
  const q = positive(d.quantity)
  if (typeof q === 'string') return q
  const step = lot(instruments)
  if (step && !isMultiple(q, step)) return `Must be a whole multiple of ${toText(step)}`
  const least = coarsest(instruments.map((i) => i.min_notional))
  if (mid && least && compare(mul(q, mid), least) < 0) return `Worth less than the minimum of ${format(least)}`
  return undefined
}

function limitError(d: Draft, instruments: Instrument[]): string | undefined {
  if (!d.limit) return undefined
  const limit = positive(d.limit)
  if (typeof limit === 'string') return limit
  const ticks = instruments.map((i) => parse(i.price_tick)).filter((t): t is Decimal => !!t)
  if (ticks.length && !ticks.some((t) => isMultiple(limit, t)))
    return `Must be on a price tick, such as ${toText(ticks[0]!)}`
  return undefined
}

function timeError(text: string, most: number): string | undefined {
  const s = seconds(text)
  if (s === undefined) return 'Such as 30s, 10m or 1h30m'
  return s >= 1 && s <= most ? undefined : `Between 1s and ${duration(most)}`
}

/** A decimal moved by places: percent to basis points, or to a share. */
function shifted(text: string, places: number): string {
  const d = parse(text) ?? zero
  return toText(
    places > 0 ? mul(d, { units: 10n ** BigInt(places), scale: 0 }) : { units: d.units, scale: d.scale - places },
  )
}

export function request(d: Draft, tokenId: string): Twap {
  return {
    token_id: tokenId,
    symbol: d.symbol,
    exchange: d.exchanges.length ? d.exchanges : 'all',
    side: d.side,
    quantity: d.quantity.trim(),
    duration_seconds: seconds(d.duration) ?? 0,
    interval_seconds: seconds(d.interval) ?? 0,
    ...(d.limit && { limit_price: d.limit.trim() }),
    max_slippage_bps: d.slippage ? d.slippage.trim() : null,
    ...(d.participation && { participation_cap: shifted(d.participation, -2) }),
    catch_up: d.catchUp,
    end_policy: d.endPolicy,
    routing: d.routing,
    randomize_size_bps: Number(shifted(d.sizeJitter || '0', 2)),
    randomize_time_bps: Number(shifted(d.timeJitter || '0', 2)),
    preset: d.preset,
  }
}

/** Which field of the form a field of the request stands in. */
export const fieldOf: Record<string, keyof Draft> = {
  symbol: 'symbol',
  exchange: 'exchanges',
  side: 'side',
  quantity: 'quantity',
  duration_seconds: 'duration',
  interval_seconds: 'interval',
  slices: 'interval',
  limit_price: 'limit',
  max_slippage_bps: 'slippage',
  participation_cap: 'participation',
  randomize_size_bps: 'sizeJitter',
  randomize_time_bps: 'timeJitter',
  token_id: 'name',
  preset: 'preset',
}
