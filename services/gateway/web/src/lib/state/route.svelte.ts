/** Where the reader is: `#/orders/my-order?with=other`. The address can be kept and shared; it holds no secret. */
function read() {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?')
  const [view = '', ...rest] = path.split('/')
  return { view: view || 'market', id: decodeURIComponent(rest.join('/')), query: new URLSearchParams(query) }
}

class Route {
  at = $state.raw(read())
  constructor() {
    addEventListener('hashchange', () => (this.at = read()))
  }
}

export const route = new Route()
export const go = (path: string) => (location.hash = '#/' + path)
