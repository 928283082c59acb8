/**
 * Exact decimals: prices, quantities and money never pass through a float on their way to the reader. A value is an integer
 * number of units of 10^-scale. Only `toPixels` leaves this world, for drawing.
 */
export interface Decimal {
  readonly units: bigint
  readonly scale: number
}

/** The interface promises 38 digits; more places than this are not a number of ours. */
const maxScale = 60

export const zero: Decimal = { units: 0n, scale: 0 }
export const one: Decimal = { units: 1n, scale: 0 }

/** Reads plain notation, such as "-0.10"; undefined if the text is not a decimal. */
export function parse(text: string): Decimal | undefined {
  const m = /^([+-]?)(\d+)(?:\.(\d+))?$/.exec(text.trim())
  if (!m) return undefined
  const [, sign, whole = '', fraction = ''] = m
  if (fraction.length > maxScale || whole.length > maxScale) return undefined
  const units = BigInt(whole + fraction)
  return { units: sign === '-' ? -units : units, scale: fraction.length }
}

/** Reads a number that the gateway sent; a missing one is undefined. */
export function from(text: string | null | undefined): Decimal | undefined {
  return text == null ? undefined : parse(text)
}

const pow10 = (n: number) => 10n ** BigInt(n)
const at = (d: Decimal, scale: number) => d.units * pow10(scale - d.scale)

function aligned<T>(a: Decimal, b: Decimal, f: (x: bigint, y: bigint, scale: number) => T): T {
  const scale = Math.max(a.scale, b.scale)
  return f(at(a, scale), at(b, scale), scale)
}

export const add = (a: Decimal, b: Decimal): Decimal => aligned(a, b, (x, y, scale) => ({ units: x + y, scale }))
export const sub = (a: Decimal, b: Decimal): Decimal => aligned(a, b, (x, y, scale) => ({ units: x - y, scale }))
export const mul = (a: Decimal, b: Decimal): Decimal => ({ units: a.units * b.units, scale: a.scale + b.scale })
export const negate = (a: Decimal): Decimal => ({ units: -a.units, scale: a.scale })
export const abs = (a: Decimal): Decimal => (a.units < 0n ? negate(a) : a)
export const compare = (a: Decimal, b: Decimal): number => aligned(a, b, (x, y) => (x < y ? -1 : x > y ? 1 : 0))
export const sign = (a: Decimal): number => (a.units < 0n ? -1 : a.units > 0n ? 1 : 0)
export const max = (a: Decimal, b: Decimal): Decimal => (compare(a, b) < 0 ? b : a)

/** Whether a is a whole multiple of step. */
export const isMultiple = (a: Decimal, step: Decimal): boolean =>
  step.units !== 0n && aligned(a, step, (x, y) => x % y === 0n)

/** Half to even, as the server rounds. */
function divideUnits(n: bigint, d: bigint): bigint {
  if (d < 0n) return divideUnits(-n, -d)
  const q = n / d
  const twice = 2n * (n < 0n ? -(n % d) : n % d)
  const up = twice > d || (twice === d && q % 2n !== 0n)
  return up ? q + (n < 0n ? -1n : 1n) : q
}

/** a ÷ b to that many places; undefined where b is zero. */
export function divide(a: Decimal, b: Decimal, places: number): Decimal | undefined {
  if (b.units === 0n) return undefined
  const shift = places + b.scale - a.scale
  const n = shift >= 0 ? a.units * pow10(shift) : a.units
  const d = shift >= 0 ? b.units : b.units * pow10(-shift)
  return { units: divideUnits(n, d), scale: places }
}

export function round(a: Decimal, places: number): Decimal {
  if (a.scale <= places) return { units: at(a, places), scale: places }
  return { units: divideUnits(a.units, pow10(a.scale - places)), scale: places }
}

/** The part's percentage of the whole, between 0 and 100 and rounded down: 100 means all of it. Zero where there is no whole. */
export function percentOf(part: Decimal | undefined, whole: Decimal | undefined, places = 0): Decimal {
  if (!part || !whole || whole.units <= 0n || part.units <= 0n) return zero
  const all = 100n * pow10(places)
  const units = aligned(part, whole, (p, w) => (p * all) / w)
  return { units: units < all ? units : all, scale: places }
}

/** Exactly, without needless zeros. */
export function toText(a: Decimal): string {
  const text = fixed(a)
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text
}

function fixed(a: Decimal): string {
  const digits = (a.units < 0n ? -a.units : a.units).toString().padStart(a.scale + 1, '0')
  const cut = digits.length - a.scale
  return (a.units < 0n ? '-' : '') + digits.slice(0, cut) + (a.scale ? '.' + digits.slice(cut) : '')
}

const minus = '−'
const thin = '\u2009' // a thin space

/** For readers: grouped thousands, a true minus; with `places` rounded to so many. */
export function format(a: Decimal | undefined, places?: number): string {
  if (!a) return '–'
  const text = places === undefined ? toText(a) : fixed(round(a, places))
  const [whole = '', fraction] = text.replace('-', '').split('.')
  const grouped = whole.length > 4 ? whole.replace(/\B(?=(\d{3})+$)/g, thin) : whole
  const negative = text.startsWith('-') && /[1-9]/.test(text)
  return (negative ? minus : '') + grouped + (fraction ? '.' + fraction : '')
}

/** `format` of what the gateway sent. */
export const show = (text: string | null | undefined, places?: number): string => format(from(text), places)

/** With the sign always told, for differences. */
export function showSigned(text: string | null | undefined, places?: number): string {
  const d = from(text)
  const shown = format(d, places)
  return d && sign(d) > 0 ? '+' + shown : shown
}

/** How many places a step such as "0.01000" needs. */
export function placesOf(step: string | undefined): number {
  const d = step ? parse(step) : undefined
  return d ? (toText(d).split('.')[1]?.length ?? 0) : 2
}

/** As a float, for positions and lengths on the screen only. */
export const toPixels = (a: Decimal | undefined): number => (a ? Number(fixed(a)) : NaN)
export const pixels = (text: string | null | undefined): number => toPixels(from(text))
