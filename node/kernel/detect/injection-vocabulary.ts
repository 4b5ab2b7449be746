/**
 * What words stand for, in whatever language they come: the concepts of which
 * `injection-frames.ts` is made. A word that ends in `*` is a beginning. Only
 * words that such texts are made of are here, so a language is understood as
 * far as orders to a model go, and no further.
 */
export const vocabulary = {
  drop: `scrap scrapping shelve ditch* skip skipping scratch trash toss shed purge disobey* defy* flout* sidestep* kalimutan αγνοη* quên تغاض* উপেক্ষা ignor* disregard* forget
    forgets forgetting forgot forgotten discard* neglect* dismiss* overlook* aside unlearn* unsee nevermind vergiss vergessen vergesst ignorier* missacht* verwirf verwerf*
    oubli* neglig* olvid* omit* descart* esquec* esqueca* desconsider* dimentic* trascur* scordat* tralascia* negeer* vergeet* zignoruj* ignoruj* zapomnij* pomin* unut*
    gormez* abaikan lupakan quen glem* unohda* zaboravi* забуд* забыть игнорир* проигнорир* пренебреги* отбрось* 忽略 忽视 无视 無視 忘记 忘掉 忘れ 別理 不要理会 무시 잊어 잊고 تجاهل انس تجاهلي अनदेखा
    अनदेखी नज़रअंदाज भूल nazarandaaz bhool उपेक्षा ভুলে bỏ התעלם שכח`,
  replace: `deleted stripped switched withdrawn withdraw* repeal* rescind* retract* retired lapsed inactive inoperative removed lift lifting exception exempt* waive off outdated neutraliz* unapplicable
    overrid* overrul* overwrit* supersed* replac* nullif* void* obsolete revok* cancel* invalid* irrelevant disable* disabling deactivat* suspend* bypass* circumvent* evad*
    evade remove* removing erase* erasing wipe* wiping reset* unlock* terminat* expired rewrit* reprogram* violat* ersetz* ungultig* aufgehoben deaktivier* umgeh* remplac*
    annul* desactiv* contourn* anula* reemplaz* substitu* disattiv* сброс* отключи* отмени* 覆盖 取消 绕过 替换 解除 上書き 無効 해제 우회 إلغاء`,
  instruction: `instruksjon* instruktion* instruction* instruct instructed directive* guideline* guidance rule rules ruleset programming programmed directions anweisung* vorgabe* regel
    regeln richtlini* befehl* consigne* regle* instrucc* regla* indicac* instrucoes instrucao regra* diretriz* istruzion* regol* direttiv* ordini instructie* regels opdracht*
    instrukc* polecen* zasad* talimat* kural* yonerge* komut* instruksi* perintah aturan nirdesh niyam hukum инструкц* указан* правил* команд* распоряжен* директив* 指令 指示 规则
    規則 规定 规约 要求 命令 ルール 지시 명령 규칙 지침 التعليمات تعليمات الأوامر القواعد निर्देश निर्देशों नियम নির্দেশ हिदायत chỉ dẫn הוראות`,
  prompt: `system_prompt system_message konteks systeemprompt* systemprompt* systemmeldung prompt prompts preprompt systemprompt sysprompt systemmessage eingabeaufforderung
    systemanweisung* systemnachricht промпт* 提示词 提示 プロンプト 프롬프트 प्रॉम्प्ट مطالبة invite`,
  prior: `handed assigned top opening hitherto predefined preset antes dito dijeron dicho detto gesagt tidligere tidigare tidligare foregaende preced* far anteced* donnees erhalten
    bekommen gegeben recibi* recu recues dadas recebeu ricevut* ontvangen otrzyma* 지금까지 पुराने previous* prior above earlier preceding before beforehand former original*
    initial* initially existing old past foregoing aforementioned beginning sofar received given told learned vorherig* bisherig* obig* obige* fruher* ursprunglich* davor
    vorher zuvor precedent* anterieur* dessus avant anterior* previo previos previa previas arriba inicial* acima prima eerdere vorige bovenstaande poprzedni* wczesniejsz*
    powyzsz* onceki yukaridaki ilk sebelumnya atas truoc purane pichhle pehle предыдущ* прежн* прошл* ранее выше первоначальн* 之前 以上 上述 先前 前面 原来 旧 此前 前の 以前 これまで 上記 이전 위의 기존
    앞의 السابقة السابق أعلاه पिछले पिछली पहले पूर्व ऊपर আগের পূর্ববর্তী trước`,
  all: `wszystki* all any every each entire whole complete full fully totally completely alle alle* sämtliche samtlich* gesamt* toute* tous todas todos tutte tutti tum butun
    semua tatca sab sabhi saare все всех 所有 一切 全部 すべて 全て 모든 모두 جميع كل सभी सब সমস্ত सारे`,
  you: `tienes eres puedes debes tens podes deves bist hast kannst musst sollst hai puoi devi jestes masz mozesz musisz अपना अपनी you your yours yourself u ur you're youre du dein deine deiner deinem deinen dir dich ihre ihren ihr sie ihnen tu ton ta tes toi vous votre vos te tus usted
    ustedes su sus voce seu sua seus suas tuo tua tuoi tue je jouw uw jij twoj* swoj* ty sen senin sana anda kamu tum tumhara tumhare tumhe aap aapke aapki apne apni ты вы
    твой твои твоих твоего ваш ваша ваши ваших вас тебя свой свои своих 你 您 你的 あなた 君 お前 당신 너의 네 أنت لديك لك तुम आप आपके आपका आपकी आपको अपने तुम्हारा তুমি আপনি আপনার bạn`,
  me: `i me my mine i'm im myself ich mir mein meine moi mon mes mi mio mia meu minha moj mnie меня мне мой я 我 我的 私 나 내 mujhe mera meri मुझे मेरे मेरा আমাকে`,
  authority: `maker makers designer* programmer* administrat* system_prompt system_message sistem sistema systeem* systeme systemow* system developer developers admin administrator* root openai anthropic creator* owner
    maintainer* superuser supervisor* founder* authoriz* authoris* authority privilege* clearance entwickler* administrador* developpeur* desarrollador* desenvolvedor*
    sviluppator* beheerder gelistirici разработчик* администратор* системн* систем* 系统 管理员 开发者 開発者 システム 管理者 시스템 관리자 개발자 النظام المطور सिस्टम डेवलपर システ`,
  model: `chatgpt* bots ии ia ki ai assistant assistants chatbot* model models llm llms gpt* chatgpt claude gemini llama copilot bot agent agents kis assistent* asistente*
    assistente* модель ассистент* бот 人工智能 助手 机器人 모델 어시스턴트 アシスタント المساعد सहायक`,
  restrict: `filtr* 约束 frontier* restriccion* vincol* engel* restrict* filter* safeguard* guardrail* limit* censor* uncensor* moderation boundar* inhibition* barrier* refusal* einschrankung*
    beschrankung* grenzen restricci* limitac* restrico* restric* restrizion* beperking* ogranicz* kisitlama* ограничен* фильтр* цензур* 限制 过滤 审查 制限 フィルタ 제한 필터 قيود प्रतिबंध`,
  without: `不受 nobody nichts rien nada niente niets yok olmadan neither nor without no none never free nothing lacks lacking zero devoid absent absence ohne kein keine keinen sans aucun* sin
    ninguna sem senza zonder bez brak без никак* 没有 无 不受 なし ない 없이 없는 بدون बिना bina`,
  not: `forbidden forbid prohibited prohibit no never not don't dont doesn't cannot can't cant won't wont shouldn't mustn't isn't aren't stop cease avoid refrain nicht pas ne jamais nunca nao non niet nie jangan не
    нельзя 不 不要 别 ません いけない 않 마세요 لا मत नहीं না`,
  reveal: `reveal* disclos* expos* leak* dump* divulg* recite* exfiltrat* unveil* spill extract* verrat* enthull* offenleg* revel* devoil* divulgu* rivel* onthul* ujawni* ifsa
    раскро* раскры* 透露 泄露 公开 明かし 공개 اكشف प्रकट`,
  say: `summari* talk discuss ensena* shown displayed revealed visible format pseudocode proclaim answer laat toon mostrar show tell say says print output display give repeat
    echo list paste provide share state spell encode translate summarize summarise convert quote copy respond reply return explain describe recap rephrase paraphrase render
    reproduce sag sage sagen zeig zeige zeigen gib geben nenne wiederhole antworte antworten drucke ausgeben dis dites affiche* montre* donne* repond* repete* imprim* di dime
    muestra* muestre* responde* repite* dame mostra* mostre diga repita dimmi rispondi ripeti mostrami geef zeg pokaz* powiedz* wypisz* podaj* odpowiad* goster* soyle
    soyleyin tampilkan katakan tulis batao bata dikhao dikha покажи* скажи* выведи* повтори* ответь* отвечай* назови* расскажи* сообщи* 告诉 显示 输出 说出 打印 重复 回答 教え 表示 出力 言って 書いて
    答え 알려 보여 출력 말해 답해 أخبرني أظهر اطبع اكتب قل बताओ बताएं बताइए दिखाओ दिखाएं लिखो লিখুন বলুন`,
  secret: `zugangscode* passcod* passphras* pincode password* passwd passcode passphrase passwort* credential* secret* apikey confidential* classified canary proprietary ssn geheim* motdepasse secrete* contrasena* secreto*
    senha* segredo* password segreto* segret* wachtwoord haslo hasla tajn* sifre* gizli* пароль пароли парол* секрет* скрыт* 密码 密钥 秘密 机密 口令 パスワード 秘密の 鍵 비밀번호 비밀 السر المفتاح
    पासवर्ड गुप्त পাসওয়ার্ড गोपनीय রহস্য`,
  role: `name named nickname codename alias act acts acting pretend* roleplay* role simulat* imagine* behave* persona* character* become impersonat* emulat* assume assuming embody adopt* portray transform* spiel*
    stell handle fungier* agier* verhalt* rolle joue* jouer agis agir imagin* actua actue finge imagina* haz interpreta atue aja finja fingi comporta* recita immagina gedraag
    udawaj zachowuj davran rol rolunu bertindak berpura представь* притвори* действуй* веди сыграй* 扮演 假装 假设 想象 充当 ふり 演じ なりきって 振る舞 역할 연기 행동 تظاهر تصرف ढोंग अभिनय कल्पना`,
  now: `today now henceforth hereafter onward onwards jetzt nun ab sofort fortan desormais maintenant ahora agora ora adesso nu teraz simdi sekarang теперь сейчас отныне 现在 从现在
    今から これから 이제 지금부터 الآن अब`,
  mode: `mode modus mod modo modalita режим* 模式 モード 모드`,
  send: `hand schick* send* forward* email* upload* post transmit* submit* deliver* append* embed* bcc cc curl wget fetch* ship relay mail sende* ubermitt* leite weiterleit* hochlad*
    envoi* envoy* transmet* televers* enviar envia* envie* manda invia* inoltra* stuur* wyslij* przeslij* gonder* kirim* bhejo отправь* отправи* перешли* пошли* загрузи* 发送
    发到 转发 上传 送信 送って 보내 전송 أرسل भेजो भेजें পাঠান`,
  visit: `visit* click* open* navigate browse* download* load install* access link links redirect* besuch* klick* offne* cliqu* ouvr* visita* abre haga apri 访问 点击 打开 下载 クリック 開いて 클릭
    방문 انقر اضغط`,
  data: `donnee donnees valeur* value values valor* message messages data contents content inbox files file records contacts documents emails details information info database
    list notes log logs variables environment table daten nachricht* fichiers datos mensajes archivos dados mensagens dati messaggi gegevens dane данн* сообщен* 数据 内容 记录 文件
    データ 履歴 데이터 내용 البيانات डेटा`,
  tool: `tool tools function functions call invoke execute executes executing run shell bash terminal script powershell sudo werkzeug* ausfuhr* fuhre execut* ejecut* esegui*
    outil* herramient* uitvoer* wykonaj* выполни* запусти* 执行 调用 运行 工具 実行 ツール 실행 도구 نفذ चलाओ`,
  act: `delete* transfer* pay payment purchase* buy wire refund* drop approve* approv* grant* escalate* elevate* confirm* merge* whitelist unsubscribe shutdown modify disable
    activat* engage* authorize recommend* hire* accept losch* uberweis* genehmig* supprim* approuv* virement transf* elimina* borra* aprueb* apaga aprove bonifico cancella
    usun* przelej* sil удали* переведи* одобри* 删除 转账 批准 削除 振込 삭제 승인 이체 احذف حوّل हटाओ`,
  user: `user users user's users' human humans customer customer's owner's benutzer* nutzer* anwender utilisateur* usuario* usuari* utente utenti gebruiker* uzytkownik* kullanici*
    пользовател* 用户 使用者 ユーザー 사용자 المستخدم उपयोगकर्ता`,
  secrecy: `silently secretly quietly covertly stealthily discreetly suspicious hide hides conceal* disguise* undetected unnoticed detected background heimlich unbemerkt discretement
    segretamente 不要告诉 偷偷 悄悄 知らせ 秘密裏 몰래 сообщай* упомин* тайно незаметно`,
  urgent: `ought important urgent* critical attention warning! must immediately priority mandatory required emergency obligat* necessary crucial strictly absolutely shall sofort dringend
    wichtig unbedingt achtung immediatement important* urgente* importante* atencion atencao attenzione subito belangrijk wazne natychmiast acil onemli важно срочно внимание
    немедленно 重要 紧急 注意 必须 立即 緊急 直ちに 必ず 중요 긴급 반드시 هام عاجل فورا महत्वपूर्ण तुरंत ज़रूरी zaroori turant`,
  only: `only just solely simply merely nur lediglich seulement uniquement solo solamente apenas somente soltanto alleen tylko sadece hanya sirf только лишь 只 仅 只有 だけ のみ 만 فقط
    केवल सिर्फ`,
  reply: `text texts response responses replies output answers sentence word words phrase line paragraph reply antwort* wort* satz reponse* phrase* mots respuesta* palabra* frase*
    resposta* palavra* risposta* parol* antwoord* odpowied* slow* cevap ответ* слов* фраз* 回复 单词 答案 返答 言葉 返信 응답 답변 단어 الرد الكلمة जवाब उत्तर शब्द jawab`,
  new: `new real actual true next instead updated alternative different another second neu neue neuer neuen statt stattdessen folgend* nouvelle* nouveau* plutot suivant* place
    nuev* siguiente* verdader* novo nova novas novos seguinte* invece nuov* seguent* nieuwe nowe nowy zamiast yeni baru нов* вместо следующ* 新 新的 以下 真正 新しい 代わり 次の 새로운 대신 다음
    الجديدة بدلا नया नई नए बजाय naya naye nayi`,
  comply: `complying carry perform fulfil* stosuj* tiens tenez siga* obey* follow follows followed following comply complies complied adhere* listen* bound respect abide* heed bind
    conform resist befolg* gehorch* folge halten obeis* suiv* respect* obedec* segui* sigue* obedien* cumple ubbidi* obbedi* rispett* volg gehoorza* przestrzegaj* uyma uymak
    следуй* подчиня* соблюда* слушай* 遵守 遵循 服从 听从 従って 従い 따르 اتبع اطع पालन मानो`,
  harm: `evil immoral amoral unethical rogue liberated freed illegal* harmful dangerous hack* malware bomb explosives weapon* malicious offensive inappropriate controversial taboo
    virus exploit* phish* steal* napalm meth poison* ransomware drug* pirat* cheat*`,
  fiction: `hypothetic* fiction* story novel scenario* universe reality game experiment* movie film alternate parallel dystopian simulation thought hypothese hypothetisch* geschichte
    fictif* histoire ficcion* juego historia jogo ficticio* storia gioco finzione игра* сценари* вымышлен* 游戏 故事 虚构 小说 ゲーム 物語 架空 게임 가상`,
  reading: `review* screening classif* reading read* summarizing summarising processing parsing analyzing analysing reviewing crawling indexing visiting evaluating scanning ingest*
    process processes document page webpage website resume cv article retrieved dokument seite pagina page* documento* страниц* документ* 页面 网页 文档 ページ 文書 문서 페이지`,
  you_are: `you're are bist sind sei eres seras es jestes sensin esti være adalah 是 です 입니다`,
  begin: `beginning begin start starts starting first end ends ending finish prefix commence beginne* start* comenc* empie* comec* inizia* zacznij basla начни* начина* 开始 开头 始め 시작`,
  talk: `jailbreak jailbreaking attack* injection* vulnerab* adversar* mitigat* detect* threat* owasp jailbreaks researcher* classifier* malicious exploit*`,
  everything: `tudo everything anything whatever alles tout todo tutto wszystko всё все 所有 一切 すべて 全て 모두 كل sab`,
  policy: `politique* polic* protocol* constraint* parameters mandate* content politica* politik*`,
  task: `task tasks job objective* mission assignment purpose goal aufgabe* tache tarea* tarefa* compito taak zadanie gorev задач* 任务 任務 タスク 작업`,
  request: `command commands request requests question questions query queries orders message messages input classification anfrage frage requete pregunta* pergunta* domanda vraag
    pytani* soru вопрос* запрос* 问题 请求 質問 질문`,
  write: `write writes writing create compose schreib schreibe schreiben ecri* escrib* escreva scrivi schrijf napisz* yaz likho напиши* 写 include insert append add`,
  refuse: `refus* decline* reject* deny denied denies weiger* 拒绝 拒否 거부 disallow*`,
  unbound: `dan jailbreak* jailbroken unrestrict* unfilter* sudo godmode uncensored unbound omnipotent devmode machiavellian unhinged unchained uneingeschrankt* ungefiltert*
    sincensura illimite* irrestrito неограничен* 不受限制`,
  conversation: `conversation* chat chats history transcript* session sessions context memory dialogue verlauf gesprach* conversacion* conversa conversazione переписк* 会话 聊天 会話 대화
    المحادثة बातचीत`,
  verbatim: `verbatim exactly exact literally literal wortlaut wortlich textuellement textualmente letteralmente aynen дословно 原样 完整地 そのまま 그대로`,
  inform: `know learn aware see realise realize tell telling mention* inform* notify* notif* alert* erwahn* informier* benachricht* frag* informer prevenir dire informar avisar
    menciona* decir informare avvisare сообщай* говори* 告诉 通知`,
  apply: `counts hold holds binding bind stand effective relevant apply applies valid count matter exist exists gelten gilt appliquent aplican valgono действуют`,
  priority: `outrank* priority precedence highest supersed* overrid* above`,
  update: `updat* upgrad* chang* switch* amend* modif* suspend* disabled waived`,
  carrier: `url urls link links query image images markdown webhook webhooks pastebin img png`,
  keyfile: `ssh rsa ed25519 passwd shadow aws dotenv env mcp keychain wallet`,
  condition: `if when whenever once before wenn si quando als если 如果 当`,
  note: `note notice memo attention instruction instructions message hinweis nota remarque уведомление 注意`,
  decode: `decode decod* decrypt decipher base64 rot13 hex hexadecimal encoded unscramble dekodier* 解码`,
  remember: `remember memoriz* memoris* save store merke memoriza* recuerda ricorda запомни 记住 覚えて 기억`,
  future: `future always forever permanently subsequent later kunftig* immer toujours siempre sempre всегда 永远 今後 앞으로`,
  regardless: `regardless irrespective matter whatever anyway even`,
  configuration: `configuration* settings setup config konfiguration* parametres configuracion* 设定 設定 设置 설정`,
  key: `key keys token tokens hidden private sensitive internal schlussel ключ ключи chiave claves proprietary`,
  consent: `asking ask confirmation confirm permission approval consent verifying verification authorization`,
  what: `what what's which whats was welche que quel* quelles cual* qual quali какой какие какая jaki wat hangi apa 什么 何 무엇 뭐 क्या ما kya`,
  keep: `keep keeping remain stay`,
  trust: `trust* admin administrator whitelisted approved verified`,
  behaviour: `behavior* behaviour* default defaults standard normal usual training trained persona mindset`,
  greet: `dear hey hi hello attention attn hallo bonjour hola ciao ola`,
  safety: `safety security ethic* moral* sicherheit* sicurezza seguridad seguranca безопасност* 安全`,
  longer: `longer anymore`,
  hidden: `hidden secret internal private confidential concealed undisclosed versteckt* geheim* cachee* ocult* nascost* verborgen ukryt* gizli скрыт* 隐藏 隠さ 숨겨진 المخفية छिपे`,
} as const;
