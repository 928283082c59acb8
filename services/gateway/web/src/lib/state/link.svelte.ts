import { Socket, type State } from '../stream/socket'
import { session } from './session.svelte'

/** The page's one connection for live data, and how it is. */
class Link {
  state = $state<State>('closed')
  retryAt = $state(0)
  /** Counts the cuts that were healed; what cannot be resumed is fetched anew when it changes. */
  healed = $state(0)
  wasCut = $state(false)

  readonly socket = new Socket({
    url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/v1/ws`,
    token: session.token,
    renew: () => session.renew(),
    onState: (state, retryAt) => this.changed(state, retryAt),
  })

  private changed(state: State, retryAt: number): void {
    this.state = state
    this.retryAt = retryAt
    if (state === 'waiting') this.wasCut = true
    if (state === 'open' && this.wasCut) {
      this.wasCut = false
      this.healed++
    }
    if (state === 'closed') this.wasCut = false
  }
}

export const link = new Link()
addEventListener('online', () => link.socket.retry())
