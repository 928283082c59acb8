/** What the gateway says, as in its OpenAPI document. Every price, quantity and amount is a decimal in a string. */
export type Maybe = string | null

export type Side = 'buy' | 'sell'
export type MarketKind = 'live' | 'sim' | 'replay'
export type FeedState = 'live' | 'gapped' | 'stale' | 'down'
export type OrderStatus = 'accepted' | 'active' | 'paused' | 'filled' | 'expired' | 'canceled' | 'rejected'
export type SliceStatus = 'planned' | 'filled' | 'partial' | 'unfilled' | 'skipped' | 'missed' | 'canceled' | string
export type Preset = 'frictionless' | 'standard' | 'thin' | 'harsh'

export interface Problem {
  title: string
  status: number
  detail?: string
  code: string
  errors?: { field: string; detail: string }[]
  request_id?: string
  order?: FullOrder // that exists already
  identical?: boolean // it was asked for with the same parameters
}

export interface Tokens {
  access_token: string
  expires_in: number
}

export interface Info {
  assets: string[]
  pairs: string[]
  exchanges: string[]
  intervals: string[]
  market: MarketKind
  version: string
  server_time: string
}

export interface ExchangeDetail {
  name: string
  status: FeedState
  reason?: string
  market: MarketKind
  pairs: number | null
  lag_ms: number | null
  last_message_at: string | null
}

export interface Instrument {
  exchange?: string
  symbol: string
  native: string
  base: string
  quote: string
  status: 'trading' | 'halted'
  price_tick: string
  quantity_step: string
  min_quantity: string
  min_notional: string
}

export interface Kline {
  open_time: string
  open: string
  high: string
  low: string
  close: string
  volume: string
  close_time: string
  complete: boolean
}

/** Price, quantity, and of a consolidated book each exchange's part. */
export type Level = [string, string] | [string, string, Record<string, string>]

export interface Source {
  exchange: string
  state: FeedState
  reason?: string
}

export interface Book {
  state: FeedState
  reason?: string
  sources?: Source[]
  bids: Level[]
  asks: Level[]
}

export interface Balance {
  asset: string
  total: string
  available: string
  reserved: string
}

export interface Twap {
  token_id: string
  symbol: string
  exchange: string | string[]
  side: Side
  quantity: string
  duration_seconds: number
  interval_seconds?: number
  slices?: number
  limit_price?: Maybe
  max_slippage_bps?: Maybe
  participation_cap?: Maybe
  catch_up?: string
  end_policy?: string
  routing?: string
  randomize_size_bps?: number
  randomize_time_bps?: number
  preset?: Preset
}

export interface Amount {
  asset: string
  amount: string
}

export interface Profile {
  preset: string
  latency_ms: number
  liquidity_memory_ms: number
  visible_share: string
  taker_fee_bps?: Record<string, string>
}

export interface Order {
  id: string
  token_id: string
  type: string
  symbol: string
  exchanges: string[]
  side: Side
  status: OrderStatus
  reason?: string
  quantity: string
  filled_quantity: string
  remaining_quantity: string
  notional: string
  average_price: Maybe
  fees: string
  limit_price: Maybe
  arrival_mid: Maybe
  slippage_bps: Maybe
  reserved?: Amount
  created_at: string
  starts_at: string
  ends_at: string
  ended_at?: string
  slices_total: number
  slices_done: number
  slices_adjusted?: boolean
  progress: number
  version: number
  profile?: Profile
  params?: Record<string, unknown>
  market: MarketKind
}

export interface Planned {
  k: number
  due_at: string
  quantity: string
}

export interface Fill {
  id: string
  slice: number
  exchange: string
  at: string
  side: Side
  price: string
  quantity: string
  fee: string
  book_sequence: number
  exchange_seq: number
  level: number
  displayed: string
  remembered: string
}

export interface Slice {
  k: number
  due_at: string
  decided_at?: string
  planned: string
  backlog: string
  wanted: string
  limited_by?: string
  status: SliceStatus
  reason?: string
  decision_mid: Maybe
  best_bid: Maybe
  best_ask: Maybe
  fills?: Fill[]
  filled: string
  cumulative_planned: string
  cumulative_filled: string
}

export interface FullOrder extends Order {
  schedule: Planned[]
  slices: Slice[]
}

export interface Estimate {
  fill_ratio: Maybe
  average_price: Maybe
  slippage_bps: Maybe
  slippage_cost: Maybe
  fees: Maybe
  cost: Maybe
}

export interface Preview {
  order: Order
  schedule: Planned[]
  slices_adjusted: boolean
  reservation: Amount
  decision_mid: Maybe
  expected: Estimate
  immediate: Estimate
}

export interface SeriesPoint {
  k: number
  due_at: string
  status: SliceStatus
  reason?: string
  planned: string
  filled: string
  cumulative_planned: string
  cumulative_filled: string
  mid: Maybe
  average_price: Maybe
}

export interface Report {
  final: boolean
  decision_mid: Maybe
  arrival_mid: Maybe
  end_mid: Maybe
  average_price: Maybe
  all_in_average_price: Maybe
  fill_ratio: Maybe
  twap_window: Maybe
  twap_schedule: Maybe
  vwap_interval: Maybe
  slippage_arrival_bps: Maybe
  slippage_twap_window_bps: Maybe
  slippage_twap_schedule_bps: Maybe
  slippage_vwap_bps: Maybe
  market_volume: string
  participation_rate: Maybe
  fee_bps: Maybe
  effective_spread_bps: Maybe
  expected_slippage_bps: Maybe
  immediate_slippage_bps: Maybe
  benchmark_coverage: Maybe
  schedule_max_behind: Maybe
  cost_breakdown: { timing: Maybe; half_spread: Maybe; depth: Maybe; trading_total: Maybe }
  implementation_shortfall: {
    delay: Maybe
    trading: Maybe
    opportunity: Maybe
    fees: string
    total: Maybe
    total_bps: Maybe
  }
  order: Order
  seed?: string
  exchanges: { exchange: string; fills: number; quantity: string; notional: string; fees: string; share: Maybe }[]
  slice_counts: { status: string; reason?: string; count: number }[]
  series: SeriesPoint[]
  fills: Fill[]
}

export interface ApiKey {
  id: string
  name: string
  scopes: string[]
  created_at: string
  expires_at?: string
  allowed_networks?: string[] // absent: it may be used from anywhere
  last_used_at?: string // up to a minute early; absent: never
}

export interface OrderEvent {
  seq: number
  event: string
  ts: string
  token_id?: string
  order?: Order
  slice?: Slice
  fills?: Fill[]
  schedule?: Planned[]
  accepted?: { schedule?: Planned[] }
  balances?: Balance[]
}
