// Answers that are asked for before the code that wants them is there: the next fetch of the same address takes the answer,
// once. Only for GET, only for a few seconds, and only if it is a good one; else the request is made as if nothing had been.

export interface Early {
  readonly fetch: typeof fetch
  ask(address: string): void
}

const LIFE_MS = 5000

export function createEarly(send: typeof fetch, now: () => number): Early {
  const asked = new Map<string, { readonly answer: Promise<Response | null>; readonly at: number }>()

  function taken(address: string): Promise<Response | null> | null {
    const found = asked.get(address)
    asked.delete(address)
    return found && now() - found.at < LIFE_MS ? found.answer : null
  }
  return {
    ask(address) {
      const answer = send(address, { credentials: 'same-origin' }).then((response) => (response.ok ? response : null), () => null)
      asked.set(address, { answer, at: now() })
    },
    async fetch(input, init) {
      const early = typeof input === 'string' && (init?.method ?? 'GET') === 'GET' ? taken(input) : null
      return (early && await early) ?? send(input, init)
    },
  }
}
