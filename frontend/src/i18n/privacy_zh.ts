// Chinese texts about de-identification.

import type { PrivacyTexts } from './privacy_text.ts'

export const privacyZh: PrivacyTexts = {
  title: '隐私',
  choose: '图像中的患者信息',
  hint: '在存储任何内容之前执行。被移除的信息不会在此另行保留。',
  policies: {
    'retain-uids': '去标识化，保留 UID',
    full: '去标识化，并替换 UID',
    none: '按原样保留图像',
  },
  details: {
    'retain-uids': '移除姓名、编号、文本和私有元素（DICOM PS3.15 基本规范），患者以假名代替，日期整体平移。标注仍与您归档系统中的原始图像对应。',
    full: '同上，并且检查、序列和图像都使用新的 UID。除假名密钥外，无法追溯到原始图像。',
    none: '文件保持不变，包含其中所有患者信息。适用于需要送回归档系统的结果。',
  },
  stays: '保留的是去标识化后的文件。烧录在像素中的文字不会被移除，此类图像会带有警告。更改只对此后到来的图像生效。',
  keep: '保留原始文件',
  keepHint: '按策略处理后保留。不保留时，此后到来的图像只保存体素：标注不能导出为 DICOM SEG 或 RTSTRUCT，DICOMweb 也不提供这些图像。',
  keyTitle: '假名对应的身份',
  keyHint: '密钥表经过加密并单独存放。项目管理者可以查询，每次查询都会记入日志。',
  pseudonym: '假名',
  lookUp: '查询',
  download: '下载密钥表',
  names: {
    PatientID: '患者编号',
    PatientName: '姓名',
    PatientBirthDate: '出生日期',
    IssuerOfPatientID: '编号签发机构',
    StudyInstanceUID: '检查 UID',
    AccessionNumber: '检查号',
    StudyDate: '检查日期',
    StudyTime: '检查时间',
    StudyDescription: '检查',
    name: '文件',
  },
}
