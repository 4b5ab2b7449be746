/**
 * Signs that a text tries to give orders to the model that reads it. A signal
 * and no control: whoever writes the text can write around every pattern. What
 * holds is taint (`taint.ts`): what an agent may do after it has read a text
 * that nobody vouches for.
 */
import { readingsOf, rotated, skeletonsOf, skeletonPattern } from './injection-readings.ts';
import type { PayloadText } from './payload.ts';

/** What kind of sign. */
export type InjectionSignal = 'override' | 'role' | 'prompt-leak' | 'exfiltration' | 'tool-order' | 'memory' | 'delimiter' | 'hidden-characters' | 'direction-marks' | 'encoded' | 'quoted';

/** What was found: `score` from 0 to 1, of which 0.5 and more is worth acting upon. */
export interface InjectionFacets {
  readonly score: number;
  readonly signals: readonly InjectionSignal[];
}

interface Phrase {
  readonly signal: InjectionSignal;
  readonly weight: number;
  readonly pattern: RegExp;
}

/** Phrases over letters alone; a gap is bounded, so the time is linear in the text. */
const gap = '.{0,24}?';
const what = 'instructions?|directions?|directives?|rules?|guidelines?|prompts?|orders?|commands?|constraints?|polic(?:y|ies)|systemmessage|(?:what|everything|anything|all)(?:that)?(?:you|the)';
const prior = 'previous|prior|above|earlier|preceding|before|old|former|original|initial|existing|sofar|your|all(?:of)?(?:the|these|those)|safety|system|developer|(?:were|was|been)(?:given|told)';
const drop = 'ignor(?:e|ing)|disregard|forget|discard|setaside|override|overrule|bypass|neglect|dismiss|donotfollow|dontfollow|stopfollowing|stopobeying|donotobey|donotlistento|dontlistento|paynoattentionto|cancel|abandon|circumvent|disable|unlearn';
const send = 'send|post|upload|forward|email|mail|transmit|exfiltrate|leak|copy|submit|deliver|append|include|embed|encode|fetch|load';
const secret = 'password|passwd|credentials?|apikey|secrets?|token|privatekey|sshidrsa|idrsa|env(?:ironment)?(?:variables|file)?|conversation|chathistory|customer(?:list|emails|data|records)|database|contextwindow|everymessage|systemprompt|confidential|canary';

const phrases: readonly Phrase[] = ([
  ['override', 0.8, `(?:${drop})(?:all|any|every|the|of|your|my|these|those|this|current|present|and)*(?:${prior})${gap}(?:${what})`],
  ['override', 0.8, `(?:${drop})(?:all|any|every|of|the|your|these|those)*(?:${what})${gap}(?:above|before|previously|given|told|earlier|prior)`],
  ['override', 0.7, `(?:forget|disregard|ignore)(?:everything|all|anything|whatever)(?:that)?(?:you|was|were|i|the|above|before)`],
  ['override', 0.7, `(?:bypass|disable|circumvent|ignore|remove)(?:all|any|your|the|every|of)*(?:restrictions|filters|safeguards|guardrails|safety|approvals?|contentpolicy|moderation)(?:and|you|policy|rules|guidelines|filters|check)?`],
  ['override', 0.7, `(?:your|the)(?:new|real|actual|true|updated)(?:system)?instructions?(?:are|is|follow|now|begin)|newsysteminstruction|newinstructions?(?:foryou|:)|your(?:guidelines|rules|instructions)havebeen(?:updated|replaced|changed|revoked)`],
  ['override', 0.7, `(?:obey|follow|listento|execute)only(?:what|me|my|this|the)|(?:everything|all)(?:before|above)this(?:line|point|message)?is(?:void|invalid|a|no)|cancelyour(?:current|present)?task`],
  ['override', 0.6, `ignore(?:all)?(?:previous|prior|above|earlier)(?:instruct|prompt|message|text|content|direction)`],
  ['role', 0.7, `(?:youarenow|actas|pretend(?:to be|you are|youre)|behaveas|simulate|roleplayas|youwill(?:now)?be|imagineyouare|youre)${gap}(?:dan|jailbroken|unfiltered|unrestricted|uncensored|evil|(?:with)?out(?:any)?(?:restrictions?|rules|limits|filters|ethic|safety|constraints)|(?:with)?no(?:rules|restrictions|limits|filters|ethical|moral|guidelines)|freeof(?:its|all|any)|doanythingnow)`],
  ['role', 0.7, `(?:developer|debug|god|sudo|admin|dan|jailbreak|unrestricted|unfiltered|maintenance|root)mode(?:and|withno|without|enabled|activated|engaged)${gap}|(?:enter|switchto|activate|enable)(?:unrestricted|unfiltered|jailbreak|god|sudo|dan)mode|doanythingnow`],
  ['role', 0.6, `actasan?(?:admin(?:istrator)?|root|superuser|systemadministrator)(?:and|who|with|user)|(?:iam|im)your(?:developer|creator|administrator|owner|operator)|asthe(?:system)?(?:administrator|rootuser|developer)i(?:order|command|authorize|instruct|require)|speakingasthe(?:root|admin|system)`],
  ['prompt-leak', 0.8, `(?:reveal|show|print|output|display|tell|give|repeat|paste|dump|expose|leak|disclose|share|write|list|summari[sz]e|whatwere|whatis|whatare)(?:me|us|out|all|of|the|your|full|entire|complete|exact|hidden|secret|internal|initial|original|private|to)*(?:hidden|secret|system|initial|original|internal|your|private|full)(?:system|full|initial|secret|hidden|internal|and)*(?:prompt|instructions|systemmessage|directives|configuration|rulesand|privaterules|message)`],
  ['prompt-leak', 0.6, `(?:repeat|print|output|copy|write)(?:all|the|of)*(?:text|words|everything|content|message)(?:above|before|inyourcontext)|instructionsyou(?:received|weregiven|got)(?:before|at|in)`],
  ['exfiltration', 0.7, `(?:${send})(?:me|all|the|your|our|every|any|of|users?|contents?|full|entire|and|its|whole)*(?:${secret})${gap}(?:to|via|http|url|link|reply|as|inthe|followedby|pastebin|attacker|evil)`],
  ['exfiltration', 0.7, `(?:${send})${gap}(?:to|at|http|https)(?:mailto|www)?${gap}(?:attacker|evil|exfil|hacker)`],
  ['exfiltration', 0.7, `https?(?:www)?(?:evil|attacker|exfil|leak)${gap}(?:users?)?(?:${secret})`],
  ['tool-order', 0.7, `(?:without|donot|dont|never)(?:asking|informing|telling|notifying|tell|inform|notify|mention|alert|ask)(?:the|this|for)?(?:user|note|confirmation|approval|human|operator|toolcall)`],
  ['tool-order', 0.7, `(?:note|instruction|instructions|message|attention|important|dear|hey|hidden|hello)(?:s)?(?:to|for)?(?:the|any|all)?(?:ai|llms?|assistants?|languagemodels?|aiagents?|chatbots?)(?:reading|must|should|agents?|when|please|call|skip|that|:)?(?:when|this|call|skip|must|please|run|execute|reading|visit|recommend|mark|approve)`],
  ['tool-order', 0.7, `if(?:youare|youre)(?:a|an)?(?:ai|llm|languagemodel|assistant|largelanguagemodel)|(?:ai|llm)(?:agents?|assistants?|models?)(?:must|should|shall|needto|haveto)|(?:assistant|agent)(?:when|must|shall|run|execute|ignore|reveal|please(?:run|send))${gap}(?:tool|this|command|page|rm|prompt|file|polic)`],
  ['tool-order', 0.7, `(?:call|use|invoke|run|execute)(?:the)?(?:delete|drop|readsecret|transfer|shell|exec|bash|wipe|rmrf|httprequest)[a-z]{0,12}?(?:tool|and|with|to|now|before|function)|curi${gap}ish(?:$|[^a-z])|runrmrf|skip(?:the|all|any)?(?:confirmation|approval|verification)|approve(?:the|all|any)?(?:pending|next|every)(?:tool|transaction|call|request)`],
  ['tool-order', 0.6, `as(?:tenant|user|customer)[a-z]?(?:fetch|read|show|access|get|list)(?:tenant|user|customer|theother|another)`],
  ['memory', 0.7, `(?:remember|memori[sz]e|store|save)(?:this|that|permanently|forever|toyourmemory|inyourmemory|forall|:)*(?:forallfuture|permanently|inallfuture|forever|toyourmemory|inyourmemory|thatthisuser|futureconversations)${gap}(?:that|conversations|sessions|always|is|admin|never)`],
  // The same in other languages: a verb of dropping, then what was said before.
  ['override', 0.8, `(?:ignor(?:ez|er|e|a|iere|en|ieren|ar|ad)|oubl(?:ie|iez)|vergiss|vergessen|missachte|olvida|olvide|esquece|esqueca|desconsidere|dimentica|negeer|vergeet|zignoruj|zapomnij|ignoruj|glem|glöm|unohda|neasculta|ignorati|uita|abaikan)${gap}(?:instruc|anweisung|vorgaben|regeln|consigne|regles|politique|directive|reglas|regras|istruzion|regole|instruct|instrukc|polecen|regels|instruktion|tidligere|previas|perintah|allesw)`],
  ['prompt-leak', 0.7, `(?:affiche|montre|revele|zeige|gib|verrate|muestra|revela|mostra|mostre|rivela|toon|pokaz)[a-z]{0,4}?(?:moi|mir|me|nous)?(?:votre|ton|vos|le|la|dein|deine|den|tu|su|seu|il|tuo|je|swoj)${gap}(?:prompt|invitesysteme|systemanweisung|systemprompt|instruc|privees)`],
  ['exfiltration', 0.6, `(?:envoye|envoie|charge|sende|schick|envia|enviar|invia|utilise)[rzns]{0,2}${gap}(?:donnees|valeur|daten|passwort|datos|contrasena|dati|attacker|evil|readsecret|http)`],
  ['role', 0.6, `(?:vousetes|tues|dubist|siesind|eres|voce[eé]|seitu)(?:maintenant|jetzt|ahora|agora|ora|un|ein|el|o)*(?:administra)|approuvez(?:les|tous)|memorise[rz]?que|utilisateuresttoujours|unautrelocataire`],
  ['override', 0.8, 'игнорируй|забудь(?:те)?(?:все)?(?:предыдущ|инструкц)|не следуй инструкц|проигнорируй(?:те)?'.replaceAll(' ', '')],
  ['override', 0.8, '(?:忽略|无视|無視|忘记|忘掉|不要遵守)(?:之前|以上|上述|先前|前面|所有|一切|全部|的)*(?:指令|指示|规则|規則|提示|内容|要求|说明)|(?:指示|命令|ルール|プロンプト|規則)(?:を)?(?:すべて|全て|全部)?(?:無視|忘れ)|(?:输出|显示|告诉我)(?:你的)?系统提示'],
  ['override', 0.8, '(?:지시|명령|규칙|지침)(?:사항)?(?:를|을)?(?:모두|전부)?무시'],
  ['override', 0.8, '(?:تجاهل|انس)(?:جميع|كل)?(?:التعليمات|الاوامر|القواعد|الأوامر)|(?:पिछले|सभी).{0,20}?(?:निर्देश).{0,20}?(?:अनदेखा|भूल)|(?:התעלם|שכח).{0,20}?(?:הוראות)'],
  ['override', 0.8, '(?:onceki|yukaridaki)(?:tum|butun)?(?:talimat|kural)[a-z]*(?:yok|unut|gormez)|(?:boqua|photlo)(?:tatca|moi)?(?:cac)?(?:huongdan|chidan)'],
] as const).map(([signal, weight, source]) => ({ signal, weight, pattern: new RegExp(skeletonPattern(source)) }));

/** Marks by which a model's own turns are set apart, and structure that imitates them. These need their signs, so they are sought in the text itself. */
const delimiters: readonly RegExp[] = [
  /<\|(?:im_start|im_end|start_header_id|end_header_id|eot_id|system|assistant|endoftext|begin_of_text)\|>[\s\S]{0,32}?(?:system|assistant|user|<\||\n|$)/i, /\[\/?INST\]|<<\/?SYS>>/, /^\s{0,4}(?:#{2,4} ?|\[|\*\*)(?:system(?: prompt| message)?|assistant|instructions?)(?:\]|\*\*)? ?:?(?:\]|\s{0,4}\n|\s{1,4}(?:override|prompt|you|ignore|grant))/im,
  /"role" ?: ?"(?:system|developer)"/i, /<\/?(?:system_prompt|system_message|instructions?|user_input|assistant|tool_result)>\s{0,8}<?(?:system|assistant|be|you|call|ignore)/i, /^\s{0,4}(?:human|user): [^\n]{0,512}\n+\s{0,4}assistant:/im,
  /(?:^|\n|\] |: |\. )SYSTEM(?:E)?: ?(?:send|reveal|you|grant|approve|ignore|new|call|delete|vous|run)/, /--\s?END OF (?:DOCUMENT|CONTEXT|INPUT|TEXT)|^END OF (?:CONTEXT|PROMPT|INPUT)$/m, /!\[[^\]\n]{0,64}\]\(https?:\/\/[^)\s]{0,512}[?&][^)\s=]{0,32}=(?:\{|[A-Z_-]{4,}|%7b|\$)/, /https?:\/\/[^\s)]{1,256}\?[^\s)=]{0,32}=[A-Z]{3,}-CANARY/,
];

const discussion = /\b(?:example|examples|paper|paraphrases?|stud(?:y|ies)|analy\w{1,6}|annotate|discussion|mentions?|says|said|release notes|changelog|historical|risky|unsafe|article|report|lesson|workshop|module|slide|blog|corpus|corpora|benchmark|term|word|token|phrases?|quot(?:e|es|ed|ing)|such as|like|attack(?:s|er)?|detect(?:or|ion|s)?|training|classic|so-called|literal|sample|fixture|studied|explains?|described?|evaluates?|postmortem|guidance|documentation|pattern|blocks?|block(?:ed)?|included)\b/i;
const quotation = /(['"‘“«`])(?=\S)[^'"’”»`\n]{4,200}['"’”»`]/g;

/** Looks at one text. Total; linear in the text. */
export function injectionSignals(text: string): InjectionFacets {
  const readings = readingsOf(text);
  const found = new Map<InjectionSignal, number>();
  const note = (signal: InjectionSignal, weight: number): void => void found.set(signal, Math.max(weight, found.get(signal) ?? 0));
  const look = (reading: string, extra: InjectionSignal | undefined): void => {
    for (const { signal, weight } of phrasesIn(reading)) {
      note(signal, weight);
      if (extra !== undefined) note(extra, 0.3);
    }
  };
  look(readings.text, undefined);
  look(rotated(readings.text), 'encoded');
  for (const decoded of readings.decoded) look(decoded, 'encoded');
  if (readings.hidden.length >= 4) {
    note('hidden-characters', 0.8);
    look(readings.hidden, undefined);
  }
  if (/[\u202a-\u202e\u2066-\u2069]/.test(text)) note('direction-marks', 0.4);
  if ([readings.text, ...readings.decoded].some((reading) => delimiters.some((pattern) => pattern.test(reading)))) note('delimiter', 0.7);
  // Who speaks about such phrases puts them in quotes: without the quotations nothing must be left.
  const unquoted = readings.text.replaceAll(quotation, ' ');
  const quoted = found.size > 0 && !found.has('encoded') && !found.has('hidden-characters') && discussion.test(unquoted)
    && phrasesIn(unquoted).length === 0 && !delimiters.some((pattern) => pattern.test(unquoted));
  return { score: scoreOf([...found.values()], quoted), signals: [...found.keys(), ...(quoted ? ['quoted' as const] : [])].toSorted() };
}

function phrasesIn(reading: string): readonly Phrase[] {
  const skeletons = skeletonsOf(reading);
  return phrases.filter(({ pattern }) => skeletons.some((skeleton) => pattern.test(skeleton)));
}

// Independent signs: the chance that not all of them mislead.
function scoreOf(weights: readonly number[], quoted: boolean): number {
  const score = 1 - weights.reduce((left, weight) => left * (1 - weight), 1);
  return Math.round((quoted ? score * 0.3 : score) * 100) / 100;
}

/** The strongest score and all signs in the texts of a payload. */
export function injectionIn(texts: readonly PayloadText[]): InjectionFacets {
  const all = texts.filter(({ text }) => text.length >= 8).map(({ text }) => injectionSignals(text));
  return { score: Math.max(0, ...all.map(({ score }) => score)), signals: [...new Set(all.flatMap(({ signals }) => signals))].toSorted() };
}
