// The anatomy catalogue: what a label usually is, with the display colour that segmentation programs agree on (the
// generic anatomy colours) and its SNOMED CT code, so that exports say what was outlined. Names per language.
// Pure data and the search in it; the editor that uses it is label_editor.tsx.

import type { CodedConcept } from '../api/types.ts'

export interface Anatomy {
  names: { en: string; zh: string }
  color: string
  code: CodedConcept
}

/** [English, Chinese, colour, SNOMED CT code, code meaning, other words to find it by] */
type Row = readonly [en: string, zh: string, color: string, sct: string, meaning: string, words?: string]

const ROWS: readonly Row[] = [
  // Abdomen
  ['Liver', '肝脏', '#dd8265', '10200004', 'Liver', 'hepatic'],
  ['Spleen', '脾脏', '#9d6ca2', '78961009', 'Spleen', 'splenic'],
  ['Kidney', '肾脏', '#b96653', '64033007', 'Kidney', 'renal'],
  ['Left kidney', '左肾', '#b96653', '18639004', 'Left kidney', 'renal'],
  ['Right kidney', '右肾', '#b96653', '9846003', 'Right kidney', 'renal'],
  ['Pancreas', '胰腺', '#f9b46f', '15776009', 'Pancreas'],
  ['Gallbladder', '胆囊', '#8b9662', '28231008', 'Gallbladder', 'biliary'],
  ['Stomach', '胃', '#d88469', '69695003', 'Stomach', 'gastric'],
  ['Duodenum', '十二指肠', '#fffde5', '38848004', 'Duodenum'],
  ['Small bowel', '小肠', '#cda78e', '30315005', 'Small intestine', 'intestine'],
  ['Colon', '结肠', '#cca88f', '71854001', 'Colon', 'large bowel'],
  ['Rectum', '直肠', '#cca88f', '34402009', 'Rectum'],
  ['Adrenal gland', '肾上腺', '#f9ba96', '23451007', 'Adrenal gland', 'suprarenal'],
  ['Urinary bladder', '膀胱', '#de9a84', '89837001', 'Urinary bladder'],
  ['Prostate', '前列腺', '#e69e8c', '41216001', 'Prostate'],
  ['Uterus', '子宫', '#e69e8c', '35039007', 'Uterus'],
  // Chest
  ['Lung', '肺', '#c5a591', '39607008', 'Lung', 'pulmonary'],
  ['Left lung', '左肺', '#c5a591', '44029006', 'Left lung', 'pulmonary'],
  ['Right lung', '右肺', '#c5a591', '3341006', 'Right lung', 'pulmonary'],
  ['Trachea', '气管', '#b6e4ff', '44567001', 'Trachea', 'airway'],
  ['Esophagus', '食管', '#d3ab8f', '32849002', 'Esophagus', 'oesophagus'],
  ['Heart', '心脏', '#ce6e54', '80891009', 'Heart', 'cardiac'],
  ['Left ventricle', '左心室', '#98370d', '87878005', 'Left ventricle', 'cardiac heart'],
  ['Right ventricle', '右心室', '#b55539', '53085002', 'Right ventricle', 'cardiac heart'],
  ['Left atrium', '左心房', '#ce6e54', '82471001', 'Left atrium', 'cardiac heart'],
  ['Right atrium', '右心房', '#ce6e54', '73829009', 'Right atrium', 'cardiac heart'],
  ['Breast', '乳腺', '#b17a65', '76752008', 'Breast', 'mamma'],
  // Vessels
  ['Aorta', '主动脉', '#e0614c', '15825003', 'Aorta', 'vessel'],
  ['Inferior vena cava', '下腔静脉', '#0097ce', '64131007', 'Inferior vena cava', 'ivc vessel'],
  ['Portal vein', '门静脉', '#0097ce', '32764006', 'Portal vein', 'vessel'],
  ['Pulmonary artery', '肺动脉', '#0097ce', '81040000', 'Pulmonary artery', 'vessel'],
  ['Artery', '动脉', '#d8654f', '51114001', 'Artery', 'vessel'],
  ['Vein', '静脉', '#0097ce', '29092000', 'Vein', 'vessel'],
  // Head, neck and spine
  ['Brain', '脑', '#fafae1', '12738006', 'Brain', 'cerebral'],
  ['Hippocampus', '海马', '#fafae1', '5366008', 'Hippocampus', 'brain'],
  ['Spinal cord', '脊髓', '#f4d631', '2748008', 'Spinal cord'],
  ['Thyroid gland', '甲状腺', '#3ea2ae', '69748006', 'Thyroid'],
  // Bones and soft tissue
  ['Bone', '骨', '#f1d691', '272673000', 'Bone'],
  ['Rib', '肋骨', '#fde89e', '113197003', 'Rib'],
  ['Femur', '股骨', '#ffeeaa', '71341001', 'Femur'],
  ['Muscle', '肌肉', '#c06858', '71616004', 'Muscle'],
  ['Fat', '脂肪', '#e6dc46', '55603005', 'Adipose tissue', 'adipose'],
  ['Cartilage', '软骨', '#6fb8d2', '309312004', 'Cartilage'],
  ['Tissue', '组织', '#80ae80', '85756007', 'Tissue'],
  // Findings
  ['Tumor', '肿瘤', '#90ee90', '108369006', 'Neoplasm', 'tumour cancer neoplasm lesion'],
  ['Mass', '肿块', '#90ee90', '4147007', 'Mass', 'lesion'],
  ['Nodule', '结节', '#90ee90', '27925004', 'Nodule', 'lesion'],
  ['Cyst', '囊肿', '#cdcd64', '367643001', 'Cyst'],
  ['Edema', '水肿', '#8ce0e4', '79654002', 'Edema', 'oedema'],
  ['Bleeding', '出血', '#bc411c', '50960005', 'Hemorrhage', 'hemorrhage haemorrhage blood'],
  ['Necrosis', '坏死', '#d8bfd8', '6574001', 'Necrosis'],
  // Microscopy
  ['Cell', '细胞', '#5fb0a6', '4421005', 'Cell', 'microscopy'],
  ['Cell nucleus', '细胞核', '#8b7fd6', '84640000', 'Nucleus', 'microscopy nuclei'],
]

export const ANATOMY: readonly Anatomy[] = ROWS.map(([en, zh, color, value, meaning]) => ({
  names: { en, zh }, color, code: { scheme: 'SCT', value, meaning },
}))

const HAYSTACKS: readonly string[] = ROWS.map(([en, zh, , sct, meaning, words]) =>
  [en, zh, sct, meaning, words ?? ''].join(' ').toLowerCase())

/** Structures in which every word of the query starts a word (or occurs, for scripts without spaces), best first:
    names that begin with the query come before others. An empty query gives the whole catalogue. */
export function searchAnatomy(query: string): readonly Anatomy[] {
  const words = query.trim().toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return ANATOMY
  const matches = (haystack: string) => words.every((word) =>
    /^[\x20-\x7e]+$/.test(word) ? ` ${haystack}`.includes(` ${word}`) : haystack.includes(word))
  const found = ANATOMY.filter((_, index) => matches(HAYSTACKS[index]!))
  const startsWithQuery = (item: Anatomy) =>
    Object.values(item.names).some((name) => name.toLowerCase().startsWith(words[0]!))
  return [...found.filter(startsWithQuery), ...found.filter((item) => !startsWithQuery(item))]
}
