// Chinese texts about the windows of a project.

import type { WindowsTexts } from './windows_text.ts'

export const windowsZh: WindowsTexts = {
  title: '窗宽窗位',
  hint: '某类图像打开时如何显示，以及窗口菜单在常用预设之外还提供什么。阅片时每个人仍可随时调整。模型所见的窗口不受影响。',
  modality: '图像类型',
  openedWith: '打开时使用',
  asStored: '按序列自带',
  name: '名称',
  width: '窗宽',
  level: '窗位',
  namePlaceholder: '胰腺',
  add: '添加窗口',
  remove: (name) => `删除“${name}”`,
  save: '保存窗口',
  saved: (modality) => `${modality} 的窗口已保存。`,
  clash: '有两个窗口同名。',
}
