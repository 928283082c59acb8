import type * as t from './types'

/** An answer that is not 2xx. */
export class ApiError extends Error {
  constructor(readonly problem: t.Problem) {
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

interface Call {
  method?: string
  body?: unknown
  form?: Record<string, string>
  headers?: Record<string, string>
}

export class Api {
  constructor(
    private readonly credentials: Credentials,
    private readonly fetcher: typeof fetch = (...a) => fetch(...a),
  ) {}

  private async call<T>(path: string, call: Call = {}, open = false): Promise<{ data: T; etag: string }> {
    let answer = await this.send(path, call, open)
    if (answer.status === 401 && !open && (await this.credentials.renew())) answer = await this.send(path, call, open)
    const text = await answer.text()
    if (!answer.ok) throw new ApiError(problemOf(answer, text))
    return { data: (text ? JSON.parse(text) : undefined) as T, etag: answer.headers.get('ETag') ?? '' }
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
    return (await this.call<T>(path, {}, open)).data
  }
  private async post<T>(path: string, body?: unknown, open = false) {
    return (await this.call<T>(path, { method: 'POST', body }, open)).data
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
  deposit = (asset: string, amount: string) => this.post<t.Balance>('/deposit', { asset, amount })

  // Orders
  preview = (twap: t.Twap) => this.post<t.Preview>('/orders/twap/preview', twap)
  create = (twap: t.Twap) => this.post<t.FullOrder>('/orders/twap', twap)
  orders = (status = 'all', cursor = '') =>
    this.get<{ orders: t.Order[]; next_cursor?: string }>(
      `/orders?status=${status}&limit=200${cursor && '&cursor=' + cursor}`,
    )
  order = (id: string) => this.call<t.FullOrder>(`/orders/${id}`)
  cancel = (id: string) => this.call<t.Order>(`/orders/${id}`, { method: 'DELETE' })
  pause = (id: string) => this.post<t.Order>(`/orders/${id}/pause`)
  resume = (id: string) => this.post<t.Order>(`/orders/${id}/resume`)
  amend = (id: string, change: Record<string, unknown>, etag: string) =>
    this.call<t.Order>(`/orders/${id}`, { method: 'PUT', body: change, headers: etag ? { 'If-Match': etag } : {} })
  report = (id: string) => this.get<t.Report>(`/orders/${id}/report`)
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
