import { parse, toText } from '../decimal/decimal'
import type * as t from './types'

/** An answer that is not 2xx. */
export class ApiError extends Error {
  constructor(
    readonly problem: t.Problem,
    readonly repeated = false, // the call was made before, and may have been carried out then
  ) {
    super(problem.detail || problem.title)
  }
  get status() {
    return this.problem.status
  }
  get code() {
    return this.problem.code
  }
}

/** The gateway did not answer at all. */
export class Unreachable extends Error {
  constructor() {
    super('The gateway does not answer. It will be tried again.')
  }
}

/** What the client needs of the session: a token now, and a new one after a 401. */
export interface Credentials {
  token(): string | undefined
  renew(): Promise<boolean>
}

/** A request that takes longer is given up; the server bounds its own work well below it. */
const patience = 15_000

/**
 * When a call is made again by itself: a look where the gateway says that it cannot answer now; a command also where no
 * answer came, as long as it cannot be carried out twice. The others are the caller's, who asks again anyhow or must not.
 */
type Again = 'never' | 'busy' | 'lost'
const repeats = 3
const longestWait = 3 // seconds between two of them

interface Call {
  method?: string
  body?: unknown
  form?: Record<string, string>
  headers?: Record<string, string>
  again?: Again
}

/** What of an order may be changed. */
export interface Change {
  quantity?: string
  limit_price?: string
  ends_at?: string
}

export class Api {
  constructor(
    private readonly credentials: Credentials,
    private readonly fetcher: typeof fetch = (...a) => fetch(...a),
    private readonly rest = (ms: number) => new Promise<void>((done) => setTimeout(done, ms)),
  ) {}

  private async call<T>(path: string, call: Call = {}, open = false): Promise<{ data: T; etag: string }> {
    for (let attempt = 0; ; attempt++) {
      let wait = 1
      try {
        let answer = await this.send(path, call, open)
        if (answer.status === 401 && !open && (await this.credentials.renew()))
          answer = await this.send(path, call, open)
        const text = await answer.text()
        if (answer.ok)
          return { data: (text ? JSON.parse(text) : undefined) as T, etag: answer.headers.get('ETag') ?? '' }
        wait = Number(answer.headers.get('Retry-After') ?? 1)
        const error = new ApiError(problemOf(answer, text), attempt > 0)
        const passing = (answer.status === 503 || answer.status === 429) && wait <= longestWait
        if (!passing || (call.again ?? 'never') === 'never' || attempt >= repeats) throw error
      } catch (e) {
        if (!(e instanceof Unreachable) || call.again !== 'lost' || attempt >= repeats) throw e
      }
      await this.rest(wait * 1000)
    }
  }

  private async send(path: string, call: Call, open: boolean): Promise<Response> {
    const headers: Record<string, string> = { Accept: 'application/json', ...call.headers }
    const token = open ? undefined : this.credentials.token()
    if (token) headers.Authorization = 'Bearer ' + token
    let body: BodyInit | undefined
    if (call.form) body = new URLSearchParams(call.form)
    else if (call.body !== undefined) {
      headers['Content-Type'] = 'application/json'
      body = JSON.stringify(call.body)
    }
    try {
      const signal = AbortSignal.timeout(patience)
      return await this.fetcher('/v1' + path, {
        method: call.method ?? 'GET',
        headers,
        body,
        signal,
        cache: 'no-store',
      })
    } catch {
      throw new Unreachable()
    }
  }

  private async get<T>(path: string, open = false) {
    return (await this.call<T>(path, { again: 'busy' }, open)).data
  }
  private async post<T>(path: string, body?: unknown, open = false) {
    return (await this.call<T>(path, { method: 'POST', body }, open)).data
  }
  /** A command. One that is carried out already when it is repeated is told by the code, and its outcome is looked at. */
  private async command(id: string, path: string, method: string, done: string): Promise<t.Order> {
    try {
      return (await this.call<t.Order>(`/orders/${id}${path}`, { method, again: 'lost' })).data
    } catch (e) {
      if (e instanceof ApiError && e.repeated && e.code === done) return (await this.order(id)).data
      throw e
    }
  }

  // Public
  info = () => this.get<t.Info>('/info', true)
  exchanges = async () => (await this.get<{ exchanges: t.ExchangeDetail[] }>('/exchanges?detail=true', true)).exchanges
  pairs = async (exchange: string) =>
    (await this.get<{ pairs: t.Instrument[] }>(`/exchanges/${exchange}/pairs?detail=true`, true)).pairs
  klines = async (exchange: string, symbol: string, interval: string, limit = 300) =>
    (await this.get<{ klines: t.Kline[] }>(`/klines/${exchange}/${symbol}?interval=${interval}&limit=${limit}`, true))
      .klines

  // Access
  register = (username: string, password: string) => this.post('/register', { username, password }, true)
  // Of both the refresh token is a cookie, which the browser sends and keeps by itself.
  login = (username: string, password: string) =>
    this.post<t.Tokens>('/login', { username, password, cookie: true }, true)
  refresh = async () =>
    (await this.call<t.Tokens>('/token', { method: 'POST', form: { grant_type: 'refresh_token' } }, true)).data
  logout = () => this.post('/logout')
  apiKeys = async () => (await this.get<{ keys: t.ApiKey[] }>('/api-keys')).keys
  createApiKey = (name: string, scopes: string[], allowed_networks?: string[]) =>
    this.post<t.ApiKey & { key: string }>('/api-keys', { name, scopes, allowed_networks })
  deleteApiKey = (id: string) => this.call(`/api-keys/${encodeURIComponent(id)}`, { method: 'DELETE' })

  // Funds
  balances = async () => (await this.get<{ balances: t.Balance[] }>('/balance')).balances
  deposit = async (asset: string, amount: string) => {
    const key = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`
    const headers = { 'Idempotency-Key': key } // so that it is carried out once, however often it is sent
    return (await this.call<t.Balance>('/deposit', { method: 'POST', body: { asset, amount }, headers, again: 'lost' }))
      .data
  }

  // Orders
  preview = (twap: t.Twap) => this.post<t.Preview>('/orders/twap/preview', twap)
  /** Places an order; if the very same was sent before, the one that is there already. */
  create = async (twap: t.Twap, sentBefore = false): Promise<t.FullOrder> => {
    try {
      return (await this.call<t.FullOrder>('/orders/twap', { method: 'POST', body: twap, again: 'lost' })).data
    } catch (e) {
      if (e instanceof ApiError && (e.repeated || sentBefore) && e.problem.identical && e.problem.order)
        return e.problem.order
      throw e
    }
  }
  orders = (status = 'all', cursor = '') =>
    this.get<{ orders: t.Order[]; next_cursor?: string }>(
      `/orders?status=${status}&limit=200${cursor && '&cursor=' + cursor}`,
    )
  order = (id: string) => this.call<t.FullOrder>(`/orders/${id}`, { again: 'busy' })
  cancel = (id: string) => this.command(id, '', 'DELETE', 'order_ended')
  pause = (id: string) => this.command(id, '/pause', 'POST', 'already_paused')
  resume = (id: string) => this.command(id, '/resume', 'POST', 'not_paused')
  /**
   * Changes an order as it was seen. Each fill gives it another version; it is refused only where its terms are no longer
   * those that were seen.
   */
  amend = async (seen: t.Order, change: Change): Promise<t.Order> => {
    let version = seen.version
    for (let attempt = 0; ; attempt++) {
      const headers = { 'If-Match': `"${version}"` }
      try {
        const call: Call = { method: 'PUT', body: change, headers, again: 'lost' }
        return (await this.call<t.Order>(`/orders/${seen.token_id}`, call)).data
      } catch (e) {
        if (!(e instanceof ApiError) || e.code !== 'version_mismatch' || attempt >= repeats) throw e
        const now = (await this.order(seen.token_id)).data
        if (e.repeated && sameTerms(now, { ...now, ...change })) return now // it was carried out, and the answer was lost
        if (!sameTerms(now, seen)) throw e
        version = now.version
      }
    }
  }
  report = (id: string) => this.get<t.Report>(`/orders/${id}/report`)
}

type Terms = Pick<t.Order, 'quantity' | 'limit_price' | 'ends_at'>

/** Whether two looks at an order show the same of what may be changed. */
export function sameTerms(a: Terms, b: Terms): boolean {
  const number = (text: string | null) => {
    const d = parse(text ?? '')
    return d ? toText(d) : text
  }
  return (
    number(a.quantity) === number(b.quantity) &&
    number(a.limit_price) === number(b.limit_price) &&
    Date.parse(a.ends_at) === Date.parse(b.ends_at)
  )
}

function problemOf(answer: Response, text: string): t.Problem {
  try {
    const p = JSON.parse(text) as t.Problem
    if (typeof p.title === 'string') return { ...p, status: answer.status, code: p.code ?? '' }
  } catch {
    // not JSON: a proxy, or a route that is not there
  }
  return { title: answer.statusText || `Status ${answer.status}`, status: answer.status, code: '' }
}
