import { Api, ApiError, Unreachable } from '../api/client'
import type { Tokens } from '../api/types'

/**
 * Who is signed in. The access token lives in memory alone; the refresh token and the name stay with the tab, so that a
 * reload does not ask for the password. An expired session keeps the page as it is and asks for the password on top of it.
 */
const place = 'hourglass.session'
type Phase = 'starting' | 'out' | 'in' | 'expired'

class Session {
  phase = $state<Phase>('starting')
  username = $state('')
  private access = ''
  private refreshToken = ''
  private renewing: Promise<boolean> | undefined

  readonly api = new Api({ token: () => this.access || undefined, renew: () => this.renew() })
  readonly token = () => this.access || undefined

  async start(): Promise<void> {
    try {
      const kept = JSON.parse(sessionStorage.getItem(place) ?? 'null') as { username: string; refresh: string } | null
      if (kept) {
        this.username = kept.username
        this.refreshToken = kept.refresh
        if (await this.renew()) return
      }
    } catch {
      sessionStorage.removeItem(place)
    }
    if (this.phase === 'starting' || this.phase === 'expired') this.phase = 'out'
  }

  async signIn(username: string, password: string): Promise<void> {
    this.username = username
    this.accept(await this.api.login(username, password))
  }

  async register(username: string, password: string): Promise<void> {
    await this.api.register(username, password)
    await this.signIn(username, password)
  }

  async signOut(): Promise<void> {
    await this.api.logout().catch(() => undefined) // gone from here in any case
    this.access = this.refreshToken = ''
    sessionStorage.removeItem(place)
    this.phase = 'out'
  }

  /** A new access token for the refresh token; many may ask at once, one request answers all. */
  renew(): Promise<boolean> {
    this.renewing ??= this.exchange().finally(() => (this.renewing = undefined))
    return this.renewing
  }

  private async exchange(): Promise<boolean> {
    for (let attempt = 0; this.refreshToken; attempt++) {
      try {
        this.accept(await this.api.refresh(this.refreshToken))
        return true
      } catch (e) {
        const passing = e instanceof Unreachable || (e instanceof ApiError && (e.status === 429 || e.status >= 500))
        if (!passing) break
        if (attempt >= 5) return false // still signed in as far as anyone knows; asked again with the next request
        await new Promise((done) => setTimeout(done, 1000))
      }
    }
    this.access = this.refreshToken = ''
    sessionStorage.removeItem(place)
    if (this.phase !== 'out') this.phase = 'expired'
    return false
  }

  private accept(t: Tokens): void {
    this.access = t.access_token
    this.refreshToken = t.refresh_token
    sessionStorage.setItem(place, JSON.stringify({ username: this.username, refresh: t.refresh_token }))
    this.phase = 'in'
  }
}

export const session = new Session()
export const api = session.api
