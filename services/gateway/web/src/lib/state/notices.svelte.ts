/** Short words about what was just done or went wrong; a screen reader says them too. */
export interface Notice {
  id: number
  text: string
  kind: 'good' | 'bad'
}
const stay = 6_000 // milliseconds

class Notices {
  list = $state.raw<Notice[]>([])
  private id = 0

  say(text: string, kind: Notice['kind'] = 'good'): void {
    const notice = { id: ++this.id, text, kind }
    this.list = [...this.list.slice(-2), notice]
    setTimeout(() => this.dismiss(notice.id), stay)
  }
  dismiss(id: number): void {
    this.list = this.list.filter((n) => n.id !== id)
  }
}

export const notices = new Notices()
export const words = (e: unknown): string => (e instanceof Error ? e.message : String(e))
