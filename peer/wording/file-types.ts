/** Words for kinds of files, each with the endings that its names have. Together they are fewer than one search may name. */
const ENDINGS: ReadonlyMap<string, readonly string[]> = new Map([
  ['archive', ['zip', 'tar', 'gz', 'tgz', 'bz2', 'xz', 'zst', '7z', 'rar', 'iso']],
  ['audio', ['mp3', 'flac', 'ogg', 'opus', 'm4a', 'aac', 'wav', 'wma', 'aiff']],
  ['document', ['pdf', 'txt', 'md', 'doc', 'docx', 'odt', 'rtf', 'xls', 'xlsx', 'ods', 'ppt', 'pptx', 'odp', 'epub']],
  ['image', ['jpg', 'jpeg', 'png', 'gif', 'webp', 'avif', 'heic', 'tif', 'tiff', 'bmp', 'svg', 'raw']],
  ['video', ['mp4', 'mkv', 'webm', 'mov', 'avi', 'm4v', 'mpg', 'mpeg', 'wmv']],
]);

export const KINDS = ['file', 'folder'] as const;

/** The endings that a word of `--type` stands for: those of a kind, else itself, without its dot. */
export function endingsOf(word: string): readonly string[] {
  return ENDINGS.get(word.replace(/s$/, '')) ?? [word.replace(/^\./, '')];
}
