// The brush slider: 0..100 for a radius in millimetres. Equal steps feel equal, so the scale is logarithmic.

const LEAST_MM = 0.2
const MOST_MM = 60

export function sliderOfRadius(radius_mm: number): number {
  return (100 * Math.log(radius_mm / LEAST_MM)) / Math.log(MOST_MM / LEAST_MM)
}

export function radiusOfSlider(slider: number): number {
  return LEAST_MM * (MOST_MM / LEAST_MM) ** (slider / 100)
}
