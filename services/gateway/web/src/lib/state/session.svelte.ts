import { Api, ApiError, Unreachable } from '../api/client'
import type { Tokens } from '../api/types'

/**
 * Who is signed in. The access token lives in memory alone; the refresh token is a cookie that no script can read, which all
 * tabs share, so a reload does not ask for the password. Only the name is kept here, to be shown. An expired session keeps
 * the page as it is and asks for the password on top of it.
 */
const place = 'hourglass.username'
type Phase = 'starting' | 'out' | 'in' | 'expired'

class Session {
  phase = $state<Phase>('starting')
  username = $state('')
  private access = ''
  private renewing: Promise<boolean> | undefined

  readonly api = new Api({ token: () => this.access || undefined, renew: () => this.renew() })
  readonly token = () => this.access || undefined

  async start(): Promise<void> {
    this.username = localStorage.getItem(place) ?? ''
    if (this.username && (await this.renew())) return
    if (this.phase === 'starting' || this.phase === 'expired') this.phase = 'out'
  }

  async signIn(username: string, password: string): Promise<void> {
    const tokens = await this.api.login(username, password)
    this.username = username
    localStorage.setItem(place, username)
    this.accept(tokens)
  }

  async register(username: string, password: string): Promise<void> {
    await this.api.register(username, password)
    await this.signIn(username, password)
  }

  async signOut(): Promise<void> {
    await this.api.logout().catch(() => undefined) // gone from here in any case
    this.access = ''
    localStorage.removeItem(place)
    this.phase = 'out'
  }

  /** A new access token for the cookie; many may ask at once, one request answers all. */
  renew(): Promise<boolean> {
    this.renewing ??= oneTab(() => this.exchange()).finally(() => (this.renewing = undefined))
    return this.renewing
  }

  private async exchange(): Promise<boolean> {
    for (let attempt = 0; this.phase === 'starting' || this.phase === 'in'; attempt++) {
      try {
        const tokens = await this.api.refresh()
        if (this.access && accountOf(tokens.access_token) !== accountOf(this.access)) {
          location.reload() // somebody else has signed in in another tab; nothing here is theirs
          return false
        }
        this.accept(tokens)
        return true
      } catch (e) {
        const passing = e instanceof Unreachable || (e instanceof ApiError && (e.status === 429 || e.status >= 500))
        if (!passing) break
        if (attempt >= 5) return false // still signed in as far as anyone knows; asked again with the next request
        await new Promise((done) => setTimeout(done, 1000))
      }
    }
    this.access = ''
    if (this.phase !== 'out') this.phase = 'expired'
    return false
  }

  private accept(t: Tokens): void {
    this.access = t.access_token
    this.phase = 'in'
  }
}

/**
 * Runs in one tab at a time: each exchange takes the cookie that the one before has left, and a token that is used a second
 * time ends the session. Locks are there wherever the cookie is: over TLS and on this machine.
 */
async function oneTab(run: () => Promise<boolean>): Promise<boolean> {
  return navigator.locks ? await navigator.locks.request('hourglass.refresh', run) : await run()
}

/** Whom an access token speaks for. */
function accountOf(token: string): unknown {
  const claims = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')
  return (JSON.parse(atob(claims)) as { sub: unknown }).sub
}

export const session = new Session()
export const api = session.api
