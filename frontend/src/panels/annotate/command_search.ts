// Commands that a person may mean by what was typed: every word begins somewhere in the name; names that begin with it first.

export function found<Command extends { readonly name: string }>(commands: readonly Command[], query: string): readonly Command[] {
  const words = query.trim().toLowerCase().split(/\s+/).filter((word) => word !== '')
  const fits = (name: string) => words.every((word) => name.includes(word))
  const matching = commands.filter(({ name }) => fits(name.toLowerCase()))
  const first = (name: string) => (words.length > 0 && name.toLowerCase().startsWith(words[0]) ? 0 : 1)
  return matching.toSorted((a, b) => first(a.name) - first(b.name)) // stable: else in the order of the list
}
