// A sentence of the server or of a catalogue: what stands between backticks is a command or a name and is set as code.

export function Sentence({ text }: { text: string }) {
  return <>{text.split('`').map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part))}</>
}
