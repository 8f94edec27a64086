// Chinese texts about data out and in: whole projects, and webhooks.

import type { ExchangeTexts } from './exchange.ts'

export const exchangeZh: ExchangeTexts = {
  export: {
    title: '导出整个项目',
    detail: '一个文件包含全部内容：病例及其状态、标签、评论、每次修订及其作者、学习结果和日志。可导入到另一套系统。',
    images: '包含影像',
    imagesHint: '体素数据和未改动的原始文件。不含影像的归档只能导入到已有相同影像的系统。',
    masks: '包含供其他程序使用的掩膜',
    masksHint: '每个人的掩膜均保存为 NIfTI；DICOM 影像另存为 DICOM SEG。',
    start: '导出',
    cancel: '取消',
    done: (size) => `归档已就绪（${size}）。`,
    download: '下载',
  },
  import: {
    open: '导入项目',
    title: '导入项目',
    detail: '选择由“导出整个项目”生成的文件，来自本系统或其他系统均可。人员按电子邮件匹配；在本系统没有账户的人只保留姓名，不能登录。',
    file: '归档文件',
    name: '新名称',
    nameHint: '仅当项目已存在、需要再建一个副本时填写。',
    start: '导入',
    sending: (share) => `正在发送文件：${share}`,
    done: (name) => `“${name}”已导入。`,
    kept: (count) => `有 ${count} 人在本系统没有账户，仅保留姓名。`,
    missing: '请先选择文件。',
  },
  running: { queued: '正在等待工作进程', cancelled: '已取消。' },
  messages: {
    packing_records: () => '正在写入记录',
    packing_images: ({ done, of }) => `正在打包影像：${done} / ${of}`,
    packing_masks: ({ done, of }) => `正在写入掩膜：${done} / ${of}`,
    checking_archive: ({ done, of }) => `正在校验文件：${done} / ${of}`,
    restoring_records: () => '正在导入记录',
    restoring_images: ({ done, of }) => `正在导入影像：${done} / ${of}`,
  },
}
