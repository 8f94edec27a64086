// The tables of the models tab: learned prompts and SAP-Nets, each with where it comes from.

import type { Network } from '../api/project_types.ts'
import type { Label, LearnedPrompt } from '../api/types.ts'
import { formatBytes, formatMoment, formatNumber } from '../i18n/format.ts'
import { modelsTexts } from '../i18n/models_text.ts'
import { language } from '../i18n/text.ts'
import { Icon } from '../panels/icon.tsx'
import { examplesOf, sliceNumbers, type TaughtSlice } from './model_facts.ts'
import { hrefTo } from './router.ts'

export interface PromptTableProps {
  prompts: readonly LearnedPrompt[]
  labels: readonly Label[]
  meId: string | null
  mayUse: boolean
  mayKeep: boolean
  onUse: (prompt: LearnedPrompt, on: boolean) => void
  onKeep: (prompt: LearnedPrompt, on: boolean) => void
}

export function PromptTable({ prompts, labels, meId, mayUse, mayKeep, onUse, onKeep }: PromptTableProps) {
  const text = modelsTexts()
  return (
    <div class="card table-scroll">
      <table class="table">
        <thead>
          <tr>
            <th scope="col" class="tight">{text.label}</th>
            <th scope="col">{text.learnedFrom}</th>
            <th scope="col" class="tight" title={text.gainHint}>{text.gain}</th>
            <th scope="col" class="tight">{text.by}</th>
            <th scope="col" class="tight">{text.use}</th>
            <th scope="col" class="tight"><span class="visually-hidden">{text.download}</span></th>
          </tr>
        </thead>
        <tbody>
          {prompts.map((prompt) => {
            const examples = examplesOf(prompt.provenance)
            return (
              <tr key={prompt.id}>
                <td class="tight"><LabelName labels={labels} id={prompt.label_id} /></td>
                <td>
                  <Source learned={prompt} examples={examples} />
                  <Facts checksum={prompt.checksum} model={prompt.model} modelChecksum={prompt.model_checksum} seed={Number(prompt.provenance.seed)} examples={examples} />
                </td>
                <td class="tight"><Gain prompt={prompt} /></td>
                <td class="tight">{prompt.learned_by}<p class="soft small">{formatMoment(prompt.created_at, language.value)}</p></td>
                <td class="tight">
                  <div class="uses">
                    {prompt.active && <span class="tag strong">{text.answers}</span>}
                    {prompt.warm_start && <span class="tag strong">{text.start}</span>}
                    {mayUse && prompt.annotator_id === meId && (
                      <button type="button" class="button small" onClick={() => onUse(prompt, !prompt.active)}>{prompt.active ? text.switchOff : text.switchOn}</button>
                    )}
                    {mayKeep && (prompt.verdict.active || prompt.warm_start) && (
                      <button type="button" class="button small" onClick={() => onKeep(prompt, !prompt.warm_start)}>{prompt.warm_start ? text.keepNot : text.keep}</button>
                    )}
                  </div>
                </td>
                <td class="tight"><DownloadLink href={`/api/learned-prompts/${prompt.id}/download`} /></td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}

export function NetworkTable({ networks, labels }: { networks: readonly Network[]; labels: readonly Label[] }) {
  const text = modelsTexts()
  return (
    <div class="card table-scroll">
      <table class="table">
        <thead>
          <tr>
            <th scope="col" class="tight">{text.label}</th>
            <th scope="col">{text.learnedFrom}</th>
            <th scope="col" class="tight">{text.proposed}</th>
            <th scope="col" class="tight">{text.by}</th>
            <th scope="col" class="tight"><span class="visually-hidden">{text.download}</span></th>
          </tr>
        </thead>
        <tbody>
          {networks.map((network) => {
            const { description } = network
            const examples = examplesOf(description)
            return (
              <tr key={network.job_id}>
                <td class="tight"><LabelName labels={labels} id={network.label_id} /></td>
                <td>
                  <Source learned={network} examples={examples} without={description.absent.length} />
                  <Facts checksum={description.checksum} model={description.model} modelChecksum={description.model_checksum} seed={description.seed} examples={examples} />
                </td>
                <td class="tight">{text.proposedOn(network.proposed, network.empty)}</td>
                <td class="tight">{network.learned_by}<p class="soft small">{formatMoment(network.made_at, language.value)}</p></td>
                <td class="tight"><DownloadLink href={`/api/networks/${network.job_id}/download`} size={description.size_bytes} /></td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}

function LabelName({ labels, id }: { labels: readonly Label[]; id: string }) {
  const label = labels.find((one) => one.id === id)
  return label ? <span class="label-count"><span class="swatch" style={{ background: label.color }} />{label.name}</span> : null
}

type Place = Pick<LearnedPrompt, 'case_id' | 'case_name' | 'volume_id'>

function Source({ learned, examples, without = 0 }: { learned: Place; examples: readonly TaughtSlice[]; without?: number }) {
  const text = modelsTexts()
  const from = learned.volume_id ? text.slices(sliceNumbers(examples), examples.length) : text.countPictures(examples.length)
  return (
    <>
      {learned.case_id && learned.volume_id
        ? <a href={hrefTo.annotate(learned.case_id, learned.volume_id)}>{learned.case_name}</a>
        : text.pictures}
      {' · '}{from}{without > 0 && `, ${text.without(without)}`}
    </>
  )
}

interface FactsProps { checksum: string; model: string; modelChecksum: string; seed: number; examples: readonly TaughtSlice[] }

function Facts({ checksum, model, modelChecksum, seed, examples }: FactsProps) {
  const text = modelsTexts()
  const revisions = [...new Set(examples.map(({ revision_id: revision }) => revision))]
  return (
    <details class="small">
      <summary class="soft">{text.details}</summary>
      <dl class="facts">
        <div><dt>{text.checksum}</dt><dd><code>{checksum}</code></dd></div>
        <div><dt>{text.model}</dt><dd>{model} <code>{modelChecksum}</code></dd></div>
        <div><dt>{text.seed}</dt><dd>{seed}</dd></div>
        <div><dt>{text.revisions}</dt><dd>{revisions.map((revision) => <code key={revision}>{revision} </code>)}</dd></div>
      </dl>
    </details>
  )
}

function Gain({ prompt: { verdict } }: { prompt: LearnedPrompt }) {
  const text = modelsTexts()
  const number = (value: number) => formatNumber(100 * value, language.value, 1)
  const why = text.reasons[verdict.reason as keyof typeof text.reasons] ?? ''
  return (
    <span title={text.gainHint}>
      <strong>{verdict.gain < 0 ? '−' : '+'}{number(Math.abs(verdict.gain))}</strong>
      <p class="soft small">{text.fromTo(number(verdict.plain), number(verdict.learned))}{why && ` · ${why}`}</p>
    </span>
  )
}

function DownloadLink({ href, size }: { href: string; size?: number }) {
  const text = modelsTexts()
  return (
    <a class="button quiet" href={href} download aria-label={text.download} title={`${text.download}${size === undefined ? '' : ` (${formatBytes(size, language.value)})`}`}>
      <Icon name="download" />
    </a>
  )
}
