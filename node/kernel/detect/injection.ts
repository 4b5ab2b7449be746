/**
 * Signs that a text tries to give orders to the model that reads it. A signal
 * and no control: whoever writes the text can write around every pattern. What
 * holds is taint (`taint.ts`): what an agent may do after it has read a text
 * that nobody vouches for.
 */
import { suspiciousPassage } from './injection-passages.ts';
import { gathered, readingsOf, reversed, rotated, skeletonsOf, skeletonPattern } from './injection-readings.ts';
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
const what = 'instructions?|guidance|programming|directions?|directives?|rules?|guidelines?|prompts?|orders?|commands?|constraints?|polic(?:y|ies)|systemmessage|(?:what|everything|anything)(?:that)?(?:you|the)';
const prior = 'previous|prior|above|earlier|preceding|before|old|former|original|initial|existing|sofar|your|all(?:of)?(?:the|these|those)|safety|system|developer|(?:were|was|been)(?:given|told)';
const drop = 'ignor(?:e|ing)|disregard|forget|discard|setaside|override|overrule|bypass|neglect|dismiss|donotfollow|dontfollow|stopfollowing|stopobeying|donotobey|donotlistento|dontlistento|paynoattentionto|cancel|circumvent|disable|unlearn|nevermind|turnoff|switchoff|deactivate';
const send = 'send|post|upload|forward|email|mail|transmit|exfiltrate|leak|copy|submit|deliver|append|include|embed|encode|fetch|load';
const order = 'visit|submit|send|include|call|run|ignore|disregard|click|recommend|reply|approve|forward|output|say|tell|print|reveal|delete|open|download|transfer|skip|stop|execute|fetch|nottell|notinform|notmention';
const secret = 'password|passwd|credentials?|apikey|secrets?|token|privatekey|sshidrsa|idrsa|env(?:ironment)?(?:variables|file)?|conversation|chathistory|customer(?:list|emails|data|records)|database|contextwindow|everymessage|systemprompt|confidential|canary';

const phrases: readonly Phrase[] = ([
  ['override', 0.8, `(?:${drop})(?:all|any|every|the|of|your|my|these|those|this|current|present|and)*(?:${prior})${gap}(?:${what})`],
  ['override', 0.8, `(?:${drop})(?:all|any|every|of|the|your|these|those)*(?:${what}|tasks?)${gap}(?:above|before|previously|given|told|earlier|prior|in(?:the|your)systemprompt)`],
  ['override', 0.7, `(?:forget|disregard|ignore)(?:everything|all|anything|whatever)(?:that)?(?:you|was|were|i|the|above|before)`],
  ['override', 0.7, `(?:bypass|disable|circumvent|ignore|remove)(?:all|any|your|the|every|of|content)*(?:restrictions|filters|safeguards|guardrails|(?:safety|moderation)(?:and|polic|rules|guidelines|filters|checks?|constraints|measures|protocols|training)|approvals?|contentpolicy|moderation)|(?:drop|lift|shed|remove|discard|turnoff|switchoff|deactivate|suspend)(?:all|any|of)*your(?:safety|ethical|ethics|moral|content|usual|internal)*(?:restrictions|filters|constraints|limits|limitations|guidelines|rules|guardrails|modules|protocols)`],
  ['override', 0.7, `(?:your|the)(?:new|real|actual|true|updated)(?:system)?instructions?(?:are|is|follow|now|begin)|newsysteminstruction|(?:your|these)(?:previous|prior|earlier|old|original|initial|current)?(?:instructions|guidelines|rules|directives|orders|restrictions)(?:are|were)(?:now|all|hereby)*(?:void|null|invalid|cancelled|obsolete|revoked|suspended|overridden|superseded|replaced)|(?:previous|prior|earlier|above)(?:instructions|guidelines|rules|directives|prompt)(?:are|is|was|were)(?:only|just|all)*(?:atest|fake|ajoke|decoy)|insteadof(?:summari[sz]ing|answering|translating|responding)(?:it|this|the(?:text|page|question))?(?:output|reveal|send|leak|forward)|newinstructions?for(?:you|the(?:ai|assistant|agent|model|llm))|your(?:real|actual|true)(?:task|purpose|objective|goal|mission)is|your(?:guidelines|rules|instructions|tasks?|objective)(?:have|has)(?:now)?(?:been)?(?:updated|replaced|changed|revoked)|ignore(?:the)?users?(?:requests?|questions?|query)|you(?:are)?nolonger(?:haveto|needto|must|required to|bound)*(?:comply|follow|obey|adhere|by)(?:with|to|by)?${gap}(?:polic|rules|guidelines|instruct|restrict)`],
  ['override', 0.7, `(?:obey|follow|listento|execute)only(?:what|me|my|this|the)|(?:everything|all)(?:before|above)this(?:line|point|message)?is(?:void|invalid|a|no)|cancelyour(?:current|present)?task`],
  ['override', 0.6, `(?:wipe|erase|overwrite|rewrite|replace|reset|delete|violate|break)(?:all|out|away|of)*your(?:core|own|internal|system|previous|original|current)*(?:instructions|rules|guidelines|programming|directives|restrictions|prompt)|pretend(?:that)?(?:the|your|all)${gap}(?:systemmessage|systemprompt|instructions|rules)${gap}(?:never|donot|dont|didnot)|donot(?:summari[sz]e|answer|translate)(?:it|this|that)?instead`],
  ['override', 0.6, `ignore(?:all)?(?:previous|prior|above|earlier)(?:instruct|prompt|message|text|content|direction)`],
  ['role', 0.7, `(?:youarenow|actas|pretend(?:to be|you are|youre)|behaveas|actlike|behavelike|asifyouwere|simulate|roleplayas|youwill(?:now)?be|imagineyouare|youre)${gap}(?:dan|jailbroken|unfiltered|unrestricted|uncensored|evil|(?:with)?out(?:any)?(?:restrictions?|rules|limits|filters|ethic|moral|safety|constraints|contentpolicy|guardrails|censorship)|(?:with)?no(?:rules|restrictions|limits|filters|ethical|moral|guidelines|contentpolicy|guardrails|censorship)|freeof(?:its|all|any)|doanythingnow)`],
  ['role', 0.7, `(?:developer|debug|god|sudo|admin|dan|jailbreak|unrestricted|unfiltered|maintenance|root)mode(?:and|withno|without|enabled|activated|engaged)${gap}|(?:enter|switchto|activate|enable)(?:unrestricted|unfiltered|jailbreak|god|sudo|dan)mode|doanythingnow`],
  ['role', 0.6, `you(?:will|must|can|should|now|shall)*(?:operate|respond|answer|function|continue)${gap}without(?:any)?(?:restrictions|guardrails|filters|limits|limitations|censorship|ethic)|answers?(?:anything|everything|anyquestion|allquestions)with(?:no|out)|(?:roleplay|play|act|respond)asan?(?:ai|evil|unrestrict|uncensor|jailbr)|youhavebeen(?:upgraded|reprogrammed|freed|liberated)${gap}(?:unrestrict|gpt|dan|limits|restrictions)`],
  ['role', 0.6, `asifyou(?:had|have|hadbeengiven|received|weregiven)(?:no|never)${gap}(?:instructions|rules|guidelines|restrictions|limits)|youmust(?:never|not)refuse|(?:answer|comply|respond|help|truthfully)${gap}evenif(?:itis|itsthat|its|that)?(?:illegal|harmful|unethical|dangerous|immoral|against)`],
  ['role', 0.6, `actasan?(?:admin(?:istrator)?|root|superuser|systemadministrator)(?:and|who|with|user)|(?:iam|im)your(?:developer|creator|administrator|owner|operator)|asthe(?:system)?(?:administrator|rootuser|developer)i(?:order|command|authorize|instruct|require)|speakingasthe(?:root|admin|system)`],
  ['prompt-leak', 0.8, `(?:reveal|show|print|output|display|tell|give|repeat|paste|dump|expose|leak|disclose|share|write|list|summari[sz]e|translate|encode)(?:me|us|out|all|of|the|your|full|entire|complete|exact|hidden|secret|internal|initial|original|private|to|contents?|wording)*(?:hidden|secret|system|initial|original|internal|your|private|full)(?:system|full|initial|secret|hidden|internal|and)*(?:prompt|instructions|systemmessage|directives|configuration|rulesand|privaterules|message)`],
  ['prompt-leak', 0.7, `(?:reveal|show|print|output|display|tell|give|repeat|paste|dump|leak|disclose|share|list|quote|recite|echo|provide|ineed|iwant|whatdoes|completethe)${gap}${gap}(?:your|my)(?:own|full|entire|complete|current|exact)*(?:system|hidden|initial|secret|original|internal|developer|configuration|base)(?:prompt|instructions?|rules)|(?:tell|show|give|reveal|print|list)(?:me|us)?your(?:rules|instructions|guidelines|prompt)|first(?:message|line|words?)(?:in|of)(?:this|our|the)(?:conversation|chat|prompt|context)|(?:exact|full|original|initial)(?:text|words|wording|prompt|instructions)(?:that)?youweregiven|rules(?:that)?youmustfollow`],
  ['prompt-leak', 0.6, `(?:repeat|print|output|write)(?:all|the|of)*(?:text|words|everything|content|message)(?:above|before|inyourcontext)|(?:show|reveal|dump|give|list|summari[sz]e)(?:me|us|all|the|of)*(?:text|words|everything|content|messages?)(?:inyourcontext|(?:that)?(?:is|was|came|stands)?(?:above|before)(?:this|our)(?:conversation|chat|message|prompt|line))|you(?:were|are|havebeen)(?:instructed|told|programmed|ordered)(?:to(?:keep|hide|conceal)|notto(?:reveal|tell|share|disclose))|instructionsyou(?:received|weregiven|got)(?:before|at|in)`],
  ['exfiltration', 0.7, `(?:${send})(?:me|all|the|your|our|every|any|of|users?|contents?|full|entire|and|its|whole)*(?:${secret})${gap}(?:to|via|http|url|link|reply|as(?:a|an|the)?(?:image|param|query|part|url|base|hex|argument|comment)|inthe|followedby|pastebin|attacker|evil)`],
  ['exfiltration', 0.7, `(?:${send})${gap}(?:to|at|http|https)(?:mailto|www)?${gap}(?:attacker|evil|exfil|hacker)`],
  ['exfiltration', 0.6, `with(?:the|all)?(?:full|entire)*(?:contents?|text|transcript|history)ofth(?:e|is)(?:conversation|chat|inbox|context|memory|session)`],
  ['exfiltration', 0.7, `(?:fetch|read|open|load|cat)${gap}(?:fileenv|dotenv|envfile|sshidrsa|idrsa|awscredentials|credentials|etcpasswd|privatekey|secretkey|apikeys?)${gap}(?:post|send|upload|forward|submit|append|include)`],
  ['exfiltration', 0.7, `https?(?:www)?(?:evil|attacker|exfil|leak)${gap}(?:users?)?(?:${secret})`],
  ['tool-order', 0.7, `(?:without|donot|dont|never)(?:asking|informing|telling|notifying|tell|inform|notify|mention|alert|ask)(?:the|this|for)?(?:user|note|confirmation|approval|human|operator|toolcall)`],
  ['tool-order', 0.6, `(?:donot|dont|never|without)(?:mention|reveal|disclose)(?:ing)?(?:this|these|that|it|any|anything|of|instructions?|message|steps?)*to(?:the|any|your)(?:user|human)|before(?:answering|responding|replying|youanswer|yourespond)(?:please|first|always)?(?:call|invoke|execute|use|run)[a-z]{0,24}?tool|beforeusing(?:any|other|this|the)*tools?(?:you|must|should|always|first)*(?:call|read|run|invoke|pass|send)|whenyou(?:process|summari[sz]e|parse|evaluate|analy[sz]e|index|ingest|screen)this(?:resume|cv|webpage|page|website)|(?:secretly|covertly)(?:run|execute|send|transfer|upload|forward|copy|delete)|silently(?:send|transfer|upload|forward|copy|bcc)|(?:ai|llm|languagemodel|chatbot)s?(?:agents?|assistants?|models?)?(?:reading|summari[sz]ing|processing|parsing|visiting|crawling|scanning|evaluating|reviewing)th(?:is|e)`],
  ['tool-order', 0.7, `(?:note|instruction|instructions|message|attention|important|dear|hey|hidden|hello)(?:s)?(?:to|for)?(?:the|any|all)?(?:ai|llms?|assistants?|languagemodels?|aiagents?|chatbots?)(?:reading|must|should|agents?|when|please|call|skip|that|:)?(?:when|this|call|skip|must|please|run|execute|reading|visit|recommend|mark|approve)`],
  ['tool-order', 0.7, `if(?:youare|youre)(?:a|an)?(?:ai|llm|languagemodel|largelanguagemodel|assistant(?:reading|ignore|please|stop|reply|call|do|include|you|must))|(?:ai|llm)(?:agents?|assistants?|models?)(?:must|should|shall|needto|haveto)(?:now|also|always|first|immediately|all)?(?:${order})|(?:assistant|agent)(?:when|must|shall|run|execute|ignore|reveal|please(?:run|send))${gap}(?:tool|this|command|page|rm|prompt|file|polic)`],
  ['tool-order', 0.7, `(?:call|use|invoke|run|execute)(?:the)?(?:(?:delete|drop|readsecret|transfer|wipe|rmrf|httprequest)[a-z]{0,12}?(?:tool|and|with|now|before|function)|(?:shell|exec|bash)[a-z]{0,12}?(?:tool|and|with|now|before|function))|curi${gap}ish(?:$|[^a-z])|runrmrf|skip(?:the|all|any)?(?:confirmation|approval|verification)|approve(?:the|all|any)?(?:pending|next|every)(?:tool|transaction|call|request)`],
  ['tool-order', 0.6, `as(?:tenant|user|customer)[a-z]?(?:fetch|read|show|access|get|list)(?:tenant|user|customer|theother|another)`],
  ['memory', 0.7, `(?:remember|memori[sz]e|store|save)(?:this|that|permanently|forever|thefollowing|forall|:)*(?:forallfuture|permanently|inallfuture|forever|(?:in|to|into)your(?:longterm|persistent|permanent)?memory|thatthisuser|futureconversations)${gap}(?:that|conversations|sessions|always|is|admin|never)|(?:in|for)(?:every|all)future(?:answers?|responses?|repl(?:y|ies)|messages?)`],
] as const).map(([signal, weight, source]) => ({ signal, weight, pattern: new RegExp(skeletonPattern(source)) }));

/** Marks by which a model's own turns are set apart, and structure that imitates them. These need their signs, so they are sought in the text itself. */
const delimiters: readonly RegExp[] = [
  /<\|(?:im_start|im_end|start_header_id|end_header_id|eot_id|system|assistant|endoftext|begin_of_text)\|>[\s\S]{0,128}?(?:system|assistant|user|<\||\n|$)/i, /\[\/?INST\]|<<\/?SYS>>/, /^\s{0,4}(?:#{2,4} ?|\[|\*\*)(?:system(?: prompt| message)?|assistant|instruction(?=[\]*: ])|instructions(?=[\]*]))(?:\]|\*\*)? ?:?(?:\]|\s{0,4}\n|\s{1,4}(?:override|prompt|you|ignore|grant))/im,
  /"role" ?: ?"(?:system|developer)"/i, /<\/?(?:system_prompt|system_message|instructions?|user_input|assistant|tool_result)>\s{0,8}<?(?:system|assistant|be|you|call|ignore)/i, /^\s{0,4}(?:human|user): [^\n]{0,512}\n+\s{0,4}assistant:/im,
  /\bnew system (?:directive|prompt|instructions?) ?:/i, /^`{3}system\s{0,4}\n/m, /<(?:system|admin|developer)>\s{0,8}(?:[\p{L}'’]{1,30} ){3}/iu,
  // Hidden from people, addressed to a model.
  /style ?= ?["'][^"'>]{0,200}(?:display: ?none|visibility: ?hidden|(?:opacity|font-size): ?0(?:px|em|pt|%)? ?[;"'])[^>]{0,200}>[^<]{0,512}\b(?:assistants?|ai|llms?|language model|agents?|instructions?|prompt)\b/i,
  /(?:^|\n|\] |: |\. )SYSTEM(?:E)?: ?(?:send|reveal|you|grant|approve|ignore|new|call|delete|vous|run)/, /--\s?END OF (?:DOCUMENT|CONTEXT|INPUT|TEXT)|^END OF (?:CONTEXT|PROMPT|INPUT)$/m, /!\[[^\]\n]{0,64}\]\(https?:\/\/[^)\s]{0,512}[?&][^)\s=]{0,32}=(?:\{|[A-Z_-]{4,}|%7b|\$)/, /https?:\/\/[^\s)]{1,256}\?[^\s)=]{0,32}=[A-Z]{3,}-CANARY/,
];

const discussion = /\b(?:example|examples|paper|paraphrases?|stud(?:y|ies)|analy\w{1,6}|annotate|discussion|mentions?|says|said|release notes|changelog|historical|risky|unsafe|article|report|lesson|workshop|module|slide|blog|corpus|corpora|benchmark|term|word|token|phrases?|quot(?:e|es|ed|ing)|such as|like|attack(?:s|er)?|detect(?:or|ion|s)?|training|classic|so-called|literal|sample|fixture|studied|explains?|described?|evaluates?|postmortem|guidance|documentation|pattern|blocks?|block(?:ed)?|flag(?:s|ged)?|contain(?:s|ed)|titled|wrote|researchers?|injections?|jailbreaks?|included)\b/i;
const quotation = /(['"‘“«`])(?=\S)[^'"’”»`\n]{4,200}['"’”»`]/g;
/** From here on a text is worth acting upon. */
const score_min = 0.5;

/** Looks at one text. Total; linear in the text. */
export function injectionSignals(text: string): InjectionFacets {
  const { text: shown, hidden, decoded } = readingsOf(text);
  const found = new Map<InjectionSignal, number>();
  let certainty = 0;
  const note = (signal: InjectionSignal, weight: number): void => void found.set(signal, Math.max(weight, found.get(signal) ?? 0));
  const look = (reading: string | undefined, is_encoded: boolean): void => {
    if (reading === undefined) return;
    const said = phrasesIn(reading);
    for (const { signal, weight } of said) note(signal, weight);
    const passage = suspiciousPassage(reading);
    certainty = Math.max(certainty, passage.score);
    if (passage.score >= score_min) for (const signal of passage.signals) note(signal, 0);
    if (is_encoded && (said.length > 0 || passage.score >= score_min)) note('encoded', 0.3);
  };
  look(shown, false);
  look(gathered(shown), false);
  for (const reading of [rotated(shown), reversed(shown), ...decoded]) look(reading, true);
  if (hidden.length >= 4) {
    note('hidden-characters', 0.8);
    look(hidden, false);
  }
  if (/[\u202a-\u202e\u2066-\u2069]/.test(text)) note('direction-marks', 0.4);
  if ([shown, ...decoded].some((reading) => isDelimited(reading))) note('delimiter', 0.7);
  const quoted = found.size > 0 && !found.has('encoded') && !found.has('hidden-characters') && isQuoted(shown);
  return { score: scoreOf([...found.values(), certainty], quoted), signals: [...found.keys(), ...(quoted ? ['quoted' as const] : [])].toSorted() };
}

/** Who speaks about such phrases puts them in quotes: without the quotations nothing must be left. */
function isQuoted(text: string): boolean {
  const unquoted = text.replaceAll(quotation, ' ');
  return discussion.test(unquoted) && phrasesIn(unquoted).length === 0 && !isDelimited(unquoted) && suspiciousPassage(unquoted).score < score_min;
}

function isDelimited(text: string): boolean {
  return delimiters.some((pattern) => pattern.test(text));
}

// As letters alone a forbidden order reads like an order, and two sentences like one: so the one is taken out, and a letter that no phrase has is put between the others.
const forbidden = /\b(?:do not|don['’]?t|(?<!why )not|never|cannot|can['’]t|nor)\s+(?:\w{1,16}\s+)?(?:ignor|disregard|forget|discard|overrid|bypass|neglect|dismiss|cancel|disabl|circumvent|reveal|show|print|output|display|give|repeat|paste|dump|expos|leak|disclos|share|list|send|forward|upload|post)\w{0,4}\b/gi;

const sentence_end = /(?<=\p{L}\p{L})[.!?]\s{1,8}(?=\p{L})/gu;

function phrasesIn(reading: string): readonly Phrase[] {
  const skeletons = skeletonsOf(reading.replaceAll(forbidden, ' ').replaceAll(sentence_end, ' \u0298 '));
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
