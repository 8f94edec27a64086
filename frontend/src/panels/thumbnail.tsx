// A small picture of a volume's middle slice, loaded when it comes into sight; a still grey square until then.

import { useEffect, useRef, useState } from 'preact/hooks'
import type { Client } from '../api/client.ts'
import { t } from '../i18n/text.ts'
import { Icon } from './icon.tsx'
import { loadThumbnail, placeInSquare, type ThumbnailPicture } from './thumbnail_picture.ts'

const SIZE_PX = 48

export function Thumbnail({ api, volumeId, name }: { api: Client; volumeId: string; name: string }) {
  const holder = useRef<HTMLSpanElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const [state, setState] = useState<'waiting' | 'shown' | 'failed'>('waiting')

  useEffect(() => {
    const controller = new AbortController()
    const sight = new IntersectionObserver(async (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return
      sight.disconnect()
      const answer = await loadThumbnail(api, volumeId, controller.signal)
      if (controller.signal.aborted || canvas.current === null) return
      if (answer.error) return setState('failed')
      draw(canvas.current, answer.data)
      setState('shown')
    }, { rootMargin: '200px' })
    sight.observe(holder.current!)
    return () => { sight.disconnect(); controller.abort() }
  }, [volumeId])

  return (
    <span class="thumbnail" ref={holder}>
      <canvas ref={canvas} role="img" aria-label={t().project.thumbnailOf(name)} width={SIZE_PX} height={SIZE_PX} />
      {state === 'failed' && <Icon name="picture" />}
    </span>
  )
}

function draw(canvas: HTMLCanvasElement, picture: ThumbnailPicture): void {
  const size = Math.round(SIZE_PX * Math.max(1, window.devicePixelRatio))
  canvas.width = size
  canvas.height = size
  const stored = new OffscreenCanvas(picture.columns, picture.rows)
  const bytes = new Uint8ClampedArray(picture.pixels.buffer)
  stored.getContext('2d')!.putImageData(new ImageData(bytes, picture.columns, picture.rows), 0, 0)
  const context = canvas.getContext('2d')!
  context.imageSmoothingQuality = 'high'
  context.setTransform(...(placeInSquare(picture, size) as [number, number, number, number, number, number]))
  context.drawImage(stored, 0, 0)
}
