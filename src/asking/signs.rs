//! Signs: patterns in the words of a message that show the writer's intention, in English and German.
//!
//! A sign is a pattern over the plain form of a message ([`super::plain`]): lower case, mentions as `@`, links as `§`,
//! code as `¤`. The weights of the signs were learned from examples, not set by hand.

use std::sync::LazyLock;

use regex::bytes::{RegexSet, RegexSetBuilder};

/// A pattern that is searched in a message.
#[derive(Clone, Copy, Debug)]
pub struct Sign {
    /// Its name in the model.
    pub name: &'static str,
    /// The words that tell people what it says about a message.
    pub says: &'static str,
    /// The regular expression, in the syntax of the `regex` crate.
    pattern: &'static str,
}

const fn sign(name: &'static str, says: &'static str, pattern: &'static str) -> Sign {
    Sign { name, says, pattern }
}

/// Memory for the automaton that finds all signs at once, in bytes.
const DFA_BYTES: usize = 4 * 1024 * 1024;

/// Makes a pattern for words at the beginning of a message. Mentions, greetings and fillers may stand before them.
macro_rules! first {
    ($words:literal) => {
        concat!(
            r"^(?:[@\s,:;.!>*_-]|(?:hi|hey|hello|hallo|moin|servus|ok|okay|so|well|also|and|und|but|aber|btw|sorry|hmm+|um|uh|oh|ah)\b)*(?:",
            $words,
            r")(?:\b|$)"
        )
    };
}

/// The signs, in the order of the model's numbers.
pub const SIGNS: &[Sign] = &[
    // Signs of a question.
    sign("ends_asking", "it ends with a question mark", r"\?[\s)\x22'!.@]*$"),
    sign("asks_twice", "it has several question marks", r"\?[^?]*\?"),
    sign("asks_within", "it asks, and goes on", r"\?\s+\S+\s+\S+"),
    sign("first_how", "it begins with “how”", first!("how|wie")),
    sign("first_what", "it begins with “what” or “which”", first!("what|what's|whats|which|was|welche[rsnm]?")),
    sign("first_why", "it begins with “why”", first!("why|warum|wieso|weshalb|how come")),
    sign(
        "first_where",
        "it begins with “where”, “when” or “who”",
        first!("where|when|who|wo|wann|wer|woher|wohin|wen|wem"),
    ),
    sign(
        "first_is",
        "it begins with “is” or “are”",
        first!("is|are|isn't|aren't|was|were|ist|sind|gibt es|gibt's|gibts"),
    ),
    sign(
        "first_does",
        "it begins with “does” or “has”",
        first!("does|do|did|has|have|had|doesn't|don't|hat|habt|haben|macht"),
    ),
    sign(
        "first_can",
        "it begins with “can” or “could”",
        first!(
            "can|could|should|would|will|may|kann|können|koennen|könnte|könnten|koennt|könnt|soll|sollte|würde|dürfte|darf"
        ),
    ),
    sign(
        "can_you",
        "it asks somebody to do something",
        r"\b(?:can|could|would|will) (?:you|u|anyone|someone|somebody|anybody|one of you)\b|\b(?:kannst|könntest|koenntest|würdest) (?:du|mir)\b|\b(?:können|könnten|koennen|würden) sie\b|\b(?:könnt|könntet) ihr\b|\b(?:kann|könnte) (?:mir |uns |mal |bitte |sich )*(?:jemand|jmd|wer|einer)\b",
    ),
    sign(
        "anybody",
        "it turns to anybody who knows",
        r"\b(?:any ?one|any ?body|some ?one|some ?body) (?:know|knows|have|has|here|else|got|can|could|able|help|use[sd]?|using|familiar|seen|experienced?|tried|up|around|awake|willing|run|tell|explain|please)\b|\b(?:does|do|has|have|is|can|could|would|anybody|anyone) (?:any ?one|any ?body|some ?one)\b|\b(?:weiß|weiss|kennt|hat|kann|ist) (?:hier |da |mir |vielleicht |evtl )*(?:jemand|jmd|einer|wer)\b|\bjemand (?:eine? )?(?:idee|ahnung|tipp|erfahrung|rat)\b",
    ),
    sign(
        "any_idea",
        "it asks for ideas",
        r"\bany (?:ideas?|suggestions?|clues?|thoughts|tips|pointers|advice|hints?|recommendations?|help|way|chance|luck|known|good|body|insights?)\b|\b(?:ideen|vorschläge|tipps)\b\s*\?|\b(?:irgend)?eine idee\b|\bwas tun\b",
    ),
    sign(
        "how_do_i",
        "it asks how something is done",
        r"\bhow (?:do|can|would|should|could|to|does|did) ?(?:i|one|we|you)?\b|\bwie (?:kann|komme?|mache?|bekomme?|stelle?|krieg(?:e|en)?|richte|ändere?|geht|soll|lässt|können|kommt)\b",
    ),
    sign(
        "is_there",
        "it asks whether there is something",
        r"\bis there (?:a|an|any|some|someone|anyone|anything|another)\b|\bare there any\b|\bgibt(?:'s| es|s) (?:da |dafür |hier |irgend\w* |eine? |eine[nr] )",
    ),
    sign(
        "what_is",
        "it asks what something is",
        r"\bwhat(?:'s| is| are|s) (?:the|a|an|this|that|your|my|wrong|going|best)\b|\bwhats\b|\bwas ist (?:der|die|das|da|mit|los)\b",
    ),
    sign(
        "should_i",
        "it asks what the writer should do",
        r"\b(?:should|shall|can|could|must|may|do|am|will|would|did|have|was) i\b|\b(?:soll|muss|kann|darf|sollte|müsste|hab|habe|bin|mach|mache) ich\b",
    ),
    sign(
        "why_does",
        "it asks for a reason",
        r"\bwhy (?:is|does|do|am|are|can't|isn't|would|did|won't|doesn't|my|i)\b|\b(?:warum|wieso|weshalb)\b",
    ),
    sign(
        "what_does",
        "it asks what something means",
        r"\bwhat (?:does|do|did|would|happens|should|could|can|package|command|program|kind|am i)\b|\bwas (?:bedeutet|heißt|heisst|mache|muss|kann|soll) \b",
    ),
    sign(
        "where_is",
        "it asks where something is",
        r"\bwhere (?:is|are|can|do|does|should|would|could|did|to)\b|\bwo (?:ist|find|sind|kann|liegt|gibt|bekomm|krieg|steht|stell)",
    ),
    sign(
        "or_not",
        "it asks which of two",
        r"\bor (?:is|am|do|does|not|what|should|anything|something)\b[^.]*\?|\boder (?:ist|muss|nicht|was|hab|liegt|geht)\b",
    ),
    sign(
        "wonders",
        "it wonders",
        r"\b(?:i (?:was |am )?wonder(?:ing)?|i'm wondering|wondering|curious|not sure (?:how|what|why|if|whether|where)|don't (?:know|understand|get) (?:how|why|what|where|if)|dunno (?:how|why|what)|no (?:idea|clue) (?:how|why|what)|can't (?:figure|find|seem|work out)|trying to (?:figure|find|understand))\b|\b(?:frage mich|weiß nicht (?:wie|was|warum|wo|ob)|keine ahnung (?:wie|was|warum|wieso|wo|ob)|verstehe nicht|blicke? nicht|komme? nicht weiter)\b",
    ),
    sign(
        "a_question",
        "it announces a question",
        r"\b(?:(?:a|one|quick|another|dumb|stupid|simple|noob|newbie|beginner|general|my|have|got) questions?|question(?:s)? (?:about|on|for|regarding)|may i ask|can i ask|eine?n? (?:kurze |schnelle |kleine |blöde |dumme )?fragen?|mal (?:ne|eine) frage|frage (?:zu|an|in|:))\b|^\W*(?:question|frage)\b",
    ),
    // Signs of a wish.
    sign("please", "it says please", r"\b(?:please|pls|plz|pleas|bitte|plss)\b"),
    sign(
        "help",
        "it asks for help",
        r"\b(?:help(?: me| us| out| with| please| pls| needed| appreciated)?|helpp+|hilfe|helfen|hilf|weiterhelfen|unterstützung|unterstützen)\b",
    ),
    sign(
        "need_help",
        "it needs help",
        r"\b(?:need(?: some| your)? help|help me|help with|helps? (?:please|pls|plz|needed)|(?:brauche?|bräuchte|benötige)n? (?:mal |bitte |dringend |hier |da |kurz )*(?:deine |eure |ihre |etwas |eine )?(?:hilfe|unterstützung|rat)|(?:kann|kannst|könnte?st?|können|könnten) (?:mir |du |uns |sie |ihr |da |hier |bitte |mal |jemand |kurz )+helfen|weiterhelfen)\b",
    ),
    sign(
        "i_want",
        "the writer wants something",
        r"\bi (?:just |only |really |also |still |would |d )*(?:want|need|'?d like|would like|wanna|require|wish|have to|gotta)\b|\bi'd (?:like|love|need)\b|\bich (?:will|möchte|moechte|muss|brauche?|bräuchte|braeuchte|benötige|wollte|würde gern)\b|\b(?:bräuchte|brauche|benötige|benötigen|brauchen|wir bräuchten)\b",
    ),
    sign(
        "i_try",
        "the writer tries something",
        r"\b(?:i'?m|i am|i was|i've been|been|am|while|when) (?:just |now |still |currently )*try(?:ing|in)?\b|\bi (?:have |'ve |just )*tried\b|\bi try\b|\btrying to\b|\b(?:ich )?(?:versuche?|probiere?|versucht|probiert) (?:gerade|seit|schon|zu|habe?|es)?\b|\bhabe? (?:schon|bereits|auch)\b[^.]*\b(?:neu gestartet|neugestartet|probiert|versucht|installiert)",
    ),
    sign(
        "looking_for",
        "the writer looks for something",
        r"\b(?:(?:i'm|i am|am|im) looking for|looking for (?:a|some|the|an)|searching for|recommend (?:a|any|me|some)|suche? (?:nach|einen|eine|den|die|das|jemand)|ich suche|finde? (?:ich )?(?:\w+ )?(?:nicht|nirgends|nichts|keine?n?))\b",
    ),
    sign(
        "tell_me",
        "it asks to be told",
        r"\b(?:tell|show|explain to|point|guide|walk|teach|let) me\b|\b(?:sagen|sag|erklären|erklär|zeigen|zeig|verraten) (?:sie )?(?:mir|uns)\b|\b(?:mir|uns) (?:sagen|erklären|zeigen|verraten)\b",
    ),
    sign(
        "access",
        "it is about access",
        r"\b(?:access|permissions?|passwords?|passwort|pw|kennwort|login|log ?in|logging in|sign ?in|account|konto|zugang|zugriff|berechtigung(?:en)?|rechte|freischalt\w*|freigeben|freigabe|reset|zurücksetzen|zurueckgesetzt|gesperrt|locked out|mfa|2fa|token)\b",
    ),
    // Signs of trouble.
    sign(
        "error",
        "it tells of an error",
        r"\b(?:errors?|erroring|fehler\w*|exception|traceback|stack ?trace|segfault|segmentation fault|panic|fatal|warning|error:|errno|errorcode|denied|refused|forbidden|unauthorized|not found|no such|invalid|verweigert|ungültig|\w+error|40[134]|50[0234])\b",
    ),
    sign(
        "fails",
        "it tells of something that fails",
        r"\b(?:fail(?:s|ed|ing|ure)?|crash(?:es|ed|ing)?|break(?:s|ing)?|broken|broke|freez(?:es|ing)|frozen|hang(?:s|ing)|stuck|dies|died|dead|times? out|timed out|timeout|disconnect(?:s|ed|ing)?|corrupt(?:ed)?|abstürz\w*|stürzt|abgestürzt|hängt|hängen|kaputt|defekt|streikt|spinnt|spackt|bricht|abgebrochen|scheitert|schlägt fehl|fehlgeschlagen|geht nicht|geht nichts|klappt nicht|klemmt|tot|down|offline|eingefroren)\b",
    ),
    sign(
        "not_working",
        "it says that something does not work",
        r"\b(?:(?:doesn'?t|does not|don'?t|do not|didn'?t|did not|won'?t|will not|isn'?t|is not|aren'?t|not|cant|can'?t|cannot|can not|stopped|stops|never|nothing) (?:seem to |appear to |even |really |be |to )*(?:work|works|working|start|load|open|boot|show|connect|find|see|install|run|respond|print|recogni[sz]e|detect|play|let|accept|appear|compile|build|get|login|mount|update)\w*)|\b(?:funktionier(?:t|en)|geht|gehen|läuft|startet|lädt|öffnet|druckt|verbindet|reagiert|klappt|kommt|tut)\b[^.?!]{0,40}\b(?:nicht|nichts|nimmer|nich|net|nirgends|kein\w*)\b|\b(?:nicht|nichts|kein\w*) (?:mehr )?(?:funktionier\w*|öffnen|verbinden|erreichbar|starten|laden|drucken|anmelden|einloggen|verfügbar|angezeigt|gefunden)\b",
    ),
    sign(
        "i_cannot",
        "the writer cannot do something",
        r"\bi (?:can'?t|cannot|can not|cant|couldn'?t|am unable|'m unable|am not able|still can'?t|don'?t (?:see|have|get|understand))\b|\bunable to\b|\bich (?:kann|komme?|finde?|bekomme?|krieg(?:e)?|sehe?|hab(?:e)?)\b[^.?!]{0,60}\b(?:nicht|nichts|kein\w*|nirgends|nimmer)\b|\b(?:komme?|kann|bekomme?|kriege?) (?:ich )?(?:\w+ ){0,5}(?:nicht|nichts|keine?n?|nimmer)\b",
    ),
    sign(
        "problem",
        "it names a problem",
        r"\b(?:problems?|issues?|trouble|troubles|bug|weird|strange|odd|difficult(?:y|ies)|struggling|confused|problem\w*|störung|stoerung|ausfall|schwierigkeiten|seltsam|komisch|merkwürdig|ärger)\b",
    ),
    sign(
        "has_problem",
        "the writer has a problem",
        r"\b(?:i (?:have|'ve|got|am having|'m having|'ve got|am getting|'m getting|get|keep getting|have been having)|i'm (?:having|getting|stuck|running|seeing|facing)|having|getting|keep getting|running into|ran into) (?:a |an |some |the |this |any |these |lots of |big |weird |strange )*(?:\w+ )?(?:problems?|issues?|trouble|errors?|difficult\w+|message|exception|warning|hard time)\b|\b(?:habe?|haben|bekomme?|krieg(?:e|en)?|kommt|erhalte) (?:\w+ ){0,4}(?:problem\w*|fehler\w*|meldung|störung|schwierigkeiten)\b",
    ),
    sign(
        "no_longer",
        "something has changed for the worse",
        r"\b(?:no longer|anymore|any more|suddenly|since (?:the|i|yesterday|today|this|upgrad|updat|last)|after (?:the|an?|i|upgrad|updat|install|reboot|restart)\w*|used to|again|all of a sudden|nicht mehr|nimmer|seit (?:heute|gestern|dem|der|heut|montag|dienstag|mittwoch|donnerstag|freitag|ein|zwei|ca|etwa|letzte\w*|\d+)|plötzlich|ploetzlich|auf einmal|schon wieder|immer noch|ständig|dauernd)\b",
    ),
    sign(
        "slow",
        "something is slow or missing",
        r"\b(?:slow|slowly|lag(?:s|gy)?|missing|gone|lost|disappear(?:ed|s)|blank|black screen|empty|nothing happens|langsam|lahm|weg|verschwunden|fehlt|fehlen|leer|leere|schwarz(?:er)?|vermisse)\b",
    ),
    sign(
        "urgent",
        "it is urgent",
        r"\b(?:urgent(?:ly)?|asap|immediately|critical|emergency|production|prod|deadline|dringend|eilig|eilt|sofort|schnellstmöglich|notfall|wichtig)\b",
    ),
    // Signs of the person spoken of: the writer, or a person whom the writer addresses.
    sign(
        "first_i",
        "it begins with the writer",
        first!("i|i'm|im|i've|i'd|ive|my|me|we|our|ich|mein|meine|meinem|bei mir|bei uns|wir|unser|unsere"),
    ),
    sign(
        "i_am",
        "the writer tells what they are doing",
        r"\b(?:i'm|i am|im|i was|i've|i have|i had|i got|i get|i just|i installed|i use|i'm using|i run|i did|i set|ich (?:habe?|bin|hab|nutze|arbeite|bekomm|krieg))\b",
    ),
    sign(
        "my",
        "it is about something of the writer",
        r"\b(?:my|mine|our|mein|meine|meinem|meinen|meiner|unser|unsere|unserem|unseren|unserer|bei mir|bei uns|mir|uns)\b",
    ),
    sign(
        "you",
        "it speaks to somebody",
        r"\b(?:you|u|your|you're|youre|ya|du|dein|deine|deinen|deinem|dir|dich|sie|ihr|ihnen|ihre|ihren|euch|eure)\b",
    ),
    sign(
        "you_can",
        "it tells somebody what they can do",
        r"\byou (?:can|could|should|need|have to|might|may|want|must|just|will|would|probably|don't|do not|only|also|already|'ll|are|were|get|see|use|mean|don't)\b|\byou'(?:ll|re|d|ve)\b|\b(?:du|sie|ihr|man) (?:kannst|musst|solltest|könntest|brauchst|hast|bist|müssen|können|sollten|könnten|müsst|könnt|solltet|muss|kann|sollte)\b|\b(?:kannst|musst|solltest|brauchst|müssen|können) (?:du|sie) (?:ja|auch|nur|einfach|doch|dann|dafür|es)\b",
    ),
    sign(
        "if_you",
        "it says what follows if somebody does something",
        r"\b(?:if you|when you|once you|unless you|as you|wenn du|wenn sie|falls du|falls sie|sobald du)\b",
    ),
    sign(
        "did_you",
        "it asks somebody back",
        r"\b(?:did|have|are|do|were|which|what|where|how|when|why|can|could|would|is) (?:you|u|your|version \w+ you)\b[^?]*\?|\b(?:hast|bist|kannst|nutzt|siehst|bekommst|verwendest|benutzt|willst|meinst|arbeitest|kommst|brauchst|sitzt|hattest|warst) du\b|\b(?:haben|sind|nutzen|verwenden|benutzen|sehen|meinen|arbeiten|bekommen) sie\b|\bhabt ihr\b",
    ),
    sign(
        "helper_asks",
        "it asks for details, as a helper does",
        r"\b(?:what|which) (?:version|distro|error|os|release|browser|card|driver|kernel|model|program|exactly|device|system|system)\b|\b(?:paste|pastebin|screenshot) (?:the|your|it|output|of)\b|\bwhat (?:happens|do you (?:mean|get|see|want)|does (?:it|your|the output)|did you|are you (?:trying|using|doing)|is the (?:output|error))\b|\bwhy (?:do|would|are) you\b|\bhave you (?:tried|checked|looked|got|read|installed)\b|\bdid you (?:try|check|install|restart|reboot|run|read|get|mean)\b|\b(?:welche[rsnm]?|welches) (?:version|fehler\w*|browser|betriebssystem|gerät|modell|drucker|meldung|system)\b|\bwas (?:genau|steht|sagt|zeigt|passiert|siehst|kommt)\b|\bseit wann\b|\bschon (?:mal )?(?:neu gestartet|neugestartet|versucht|probiert|geprüft)\b",
    ),
    sign(
        "try_this",
        "it advises to do something",
        first!(
            "try|use|run|check|see|look|type|install|just|make sure|maybe|probably|perhaps|read|click|go|open|add|remove|put|set|get|do|don't|dont|never|always|reboot|restart|apt-get|sudo|google|search|ask|take|edit|change|copy|enter|enable|disable|versuch|versuche?|probier|probiere?|schau|schauen|guck|prüf|prüfe|nimm|mach|geh|gehe|klick|starte?|installier\\w*|frag|melde?|vielleicht|wahrscheinlich|vermutlich"
        ),
    ),
    sign(
        "try_within",
        "it suggests something",
        r"\b(?:try|tried) (?:to|the|it|this|that|with|using|running|a|again|reinstall\w*)\b|\b(?:should|might|may|would) (?:work|be|help|do|have)\b|\b(?:i'd|i would) (?:suggest|recommend|try|use|just|say|go)\b|\bhow about\b|\bwhy (?:not|don't you)\b|\b(?:sollte|müsste|dürfte|könnte) (?:gehen|funktionieren|helfen|klappen|reichen|passen)\b|\bversuch (?:mal|es|doch)\b|\b(?:mal|einfach) (?:neu|abmelden|neustarten|probieren|versuchen|löschen)\b|\bich würde\b",
    ),
    // Signs of answers and of other talk, and some further signs.
    sign(
        "first_yes",
        "it begins with yes or no",
        first!(
            "yes|yeah|yep|yup|ya|yea|no|nope|nah|ja|jo|jup|nein|nee|nö|doch|genau|stimmt|sure|klar|right|correct|true|exactly|richtig|indeed|of course|natürlich|definitely|absolutely|agreed|passt|gerne?|jep"
        ),
    ),
    sign(
        "first_ok",
        "it begins with what answers",
        r"^[@\s,:]*(?:ok|okay|k|kk|ah+|oh+|ahh+|aha|hmm+|hm|well|so|alright|cool|nice|great|good|awesome|perfect|gut|super|alles klar|ach|achso|ach so|na|tja|prima|top|done|erledigt|läuft|fertig)\b",
    ),
    sign(
        "first_it",
        "it begins with what is spoken of",
        first!(
            "it|it's|its|that|that's|thats|this|these|those|they|there|there's|he|she|then|because|which|das|es|die|der|dann|weil|dort|da|hier|er|diese[rsnm]?|the"
        ),
    ),
    sign(
        "first_you",
        "it begins with the one spoken to",
        first!("you|your|you're|u|if|du|dein\\w*|sie|ihr|wenn|falls|man"),
    ),
    sign(
        "first_and",
        "it goes on",
        r"^[@\s,:]*(?:and|but|or|because|cause|also|though|unless|except|plus|und|aber|oder|weil|denn|außerdem|nur|sondern|only|as|like|not|just|wie)\b",
    ),
    sign(
        "is_answer",
        "it reads like an answer",
        r"\b(?:it's (?:in|called|a|the|not|because|just|an|on)|that's (?:because|why|what|the|how|a|not)|it is (?:in|called|a|the|not)|there(?:'s| is| are) (?:a|an|no|some|the|also)|means that|because|instead|otherwise|basically|depends|das (?:ist|liegt|kommt|geht|steht|heißt|macht)|liegt (?:an|daran)|weil|stattdessen|ansonsten|deshalb|nämlich|kommt drauf an)\b",
    ),
    sign(
        "thinks",
        "it gives an opinion",
        r"\b(?:i (?:think|guess|believe|suppose|mean|doubt|agree|know|like|love|prefer|bet|see|understand|hope|remember|heard|thought|said)|i'm (?:sure|afraid|not sure|pretty)|imo|imho|iirc|afaik|afaict|tbh|apparently|ich (?:denke|glaube|finde|meine|vermute|hoffe|weiß|würde|fand)|meines wissens|meiner meinung|soweit ich weiß|anscheinend|glaub)\b",
    ),
    sign(
        "thanks",
        "it thanks",
        r"\b(?:thanks|thank you|thx|thanx|ty|tnx|cheers|appreciated?|thankyou|thank|danke|dank|dankeschön|merci|vielen dank)\b",
    ),
    sign(
        "thanks_first",
        "it begins with thanks",
        first!("thanks|thank you|thx|ty|tnx|cheers|danke|vielen dank|besten dank|merci|super danke|thank"),
    ),
    sign(
        "thanks_last",
        "it ends with thanks in advance",
        r"(?:thanks|thank you|thx|danke|vielen dank|dank|cheers|appreciated|vorab|voraus|advance)[\s!.:)@]*$",
    ),
    sign(
        "advance",
        "it thanks in advance",
        r"\b(?:in advance|im voraus|vorab|schonmal|schon mal danke)\b|\b(?:any|some) help\b",
    ),
    sign(
        "solved",
        "it says that something is solved",
        r"\b(?:works (?:now|fine|great|for me|perfectly|again)|working (?:now|fine|again)|worked|solved|fixed|resolved|got it|figured (?:it )?out|found it|never ?mind|nvm|makes sense|no problem|np|no worries|welcome|you're welcome|yw|läuft (?:jetzt|wieder|bei)|geht (?:jetzt|wieder|bei mir)|funktioniert (?:jetzt|wieder|bei)|gelöst|behoben|erledigt|hat sich erledigt|hat geklappt|klappt (?:jetzt|wieder)|kein (?:problem|ding|thema)|gern geschehen|keine ursache|passt)\b",
    ),
    sign(
        "laughs",
        "it is fun",
        r"\b(?:lol|lmao|rofl|haha\w*|hehe\w*|xd|:d|hihi|lolz|heh|yay|woo\w*|wow|omg|wtf)\b|[:;]-?[)dp](?:\s|$)|:(?:joy|smile|tada|slightly_smiling_face|laughing|wink|grin)\w*:",
    ),
    sign(
        "greets",
        "it is a greeting",
        r"^(?:[@\s,!.:]|hi|hey|hello|hallo|moin|servus|morning|guten|good|tag|all|everyone|there|zusammen|alle|leute|guys|team|yo|sup|evening|afternoon|welcome|back|night|wb|bye|cya|tschüss|bis|later|gn8?)*$",
    ),
    sign(
        "greets_first",
        "it begins with a greeting",
        r"^[@\s,]*(?:hi|hey|hello|hallo|moin|servus|good (?:morning|evening|afternoon|day)|guten (?:morgen|tag|abend)|greetings|yo|howdy|hiya|liebe|hi all|dear)\b",
    ),
    sign(
        "group",
        "it greets a group",
        r"\b(?:hi|hey|hello|hallo|moin|morning|liebe|guten morgen) (?:all|everyone|everybody|guys|folks|team|there|people|zusammen|leute|in die runde|kollegen|alle|alle zusammen|ihr)\b",
    ),
    sign(
        "announces",
        "it announces something",
        r"\b(?:fyi|heads up|reminder|released?|announc\w+|will be (?:down|released|at|in|on|a|there|back)|maintenance|meeting|standup|invite[ds]?|starting (?:in|now|at)|join us|blog|published|available (?:now|at|in)|new version|congrat\w*|zur info|info:|wartung\w*|ab (?:sofort|heute|morgen|montag)|termin|besprechung|einladung|erinnerung|kuchen|glückwunsch|willkommen|update:|deployed|merged|ausgerollt|wird (?:heute|morgen|am|gerade|neu))\b",
    ),
    sign(
        "colleagues",
        "it is work between colleagues",
        r"\b(?:pull request|\bpr\b|\bmr\b|review(?:ed|er|s)?|merge(?:d|n)?|deploy(?:ed|ment)?|release|sprint|retro|standup|ticket übernehmen|take (?:over|this)|übernimmst|übernehme|hand ?over|lunch|mittag(?:essen)?|kaffee|coffee|feierabend|urlaub|1:1|call (?:um|at)|invite|calendar|kalender)\b",
    ),
    sign(
        "sociable",
        "it is about meetings, meals or free time",
        r"\b(?:lunch|dinner|breakfast|coffee|beers?|pizza|cake|sandwich|canteen|party|offsite|birthday|weekend|holidays?|vacation|meeting|stand-?up|workshop|all hands|one on one|interview|candidate|slides|draft|newsletter|restaurant|deadline|in the office|see you|good morning|minutes late|tonight|mittagessen|kantine|urlaub|wochenende|geburtstag|besprechung|termin|feierabend|kuchen|restaurant|bewerber(?:in)?|folien|im büro|bis morgen|guten morgen)\b",
    ),
    sign(
        "desk_matter",
        "it is about something that a desk looks after",
        r"\b(?:my|our) (?:\w+ )?(?:vpn|printer|scanner|laptop|headset|keyboard|mailbox|inbox|calendar|account|password|pin|token|badge|phone|projector|licen[cs]e|certificate|quota|two.factor|mfa|outlook|excel)\b|\b(?:reset|unlock) (?:my|the) (?:password|account|pin|mfa)\b|\b(?:locked out|(?:i|we)(?:'d)? need access|give \w+ access|add me to|out of toner|paper jam|was stolen|share drive|badge reader|vpn (?:down|drops|server))\b|\bmein(?:e[nmr]?)? (?:\w+ )?(?:vpn|wlan|drucker|scanner|laptop|rechner|monitor|bildschirm|headset|tastatur|postfach|kalender|konto|passwort|kennwort|pin|token|ausweis|handy|telefon|lizenz|zertifikat)\b|\b(?:zugriff auf|zugang zu|freischalten|entsperren|zurücksetzen|gesperrt|ausgesperrt|lizenz für|netzlaufwerk|verteiler)\b",
    ),
    sign(
        "tells_trouble",
        "it begins with what does not work",
        first!(
            r"(?:i|we) (?:can't|cannot|can not|don't get|need an?|no longer|lost|forgot|deleted)|(?:my|our|the) (?:[\w'-]+ ){1,6}(?:doesn't|does not|don't|won't|can't|stopped|stays|fails|failed|crashes|flickers|jams|keeps|asks|says|gives|shows|is (?:gone|broken|dead|down|slow|stuck|locked|so slow|full|missing|not)|has (?:gone|vanished|expired|disappeared|no))|(?:mein|meine|meinem|unser|unsere|der|die|das) (?:[\w'-]+ ){1,6}(?:geht nicht|startet nicht|lädt nicht|druckt nicht|ist (?:weg|kaputt|gesperrt|langsam|voll|tot)|funktioniert nicht|hängt|zeigt|sagt|meldet)|(?:ich|wir) (?:kann|können|komme|kommen|bekomme|brauche|brauchen|habe kein\w*)"
        ),
    ),
    sign(
        "i_will",
        "the writer will do it",
        r"\b(?:i'll|i will|i'm going to|i am going to|ill|let me (?:check|see|look|try|know)|i can (?:do|take|help|look|check|try)|on it|working on (?:it|that)|ich (?:schaue?|schau|guck|kümmere?|mache?|mach|übernehme?|prüfe?|melde)|wird gemacht|bin dran|mach ich|schau ich|kümmer)\b",
    ),
    sign("others_trouble", "it is about somebody else", r"\b(?:he|she|they|him|them|his|er|sie hat|ihm|denen)\b"),
    sign(
        "past_tell",
        "it tells what was",
        r"\b(?:was|were|had|did|went|used|said|told|made|called|wrote|hatte|war|waren|wurde|ging|gestern)\b",
    ),
];

/// The patterns of all signs, converted by [`ascii`] like the texts. For ASCII, one fast pass over a text finds all
/// signs.
static PATTERNS: LazyLock<RegexSet> = LazyLock::new(|| {
    let patterns = SIGNS.iter().map(|sign| ascii(sign.pattern));
    RegexSetBuilder::new(patterns).unicode(false).dfa_size_limit(DFA_BYTES).build().unwrap_or_else(|error| {
        // A test makes sure that the patterns are valid. Without them no sign is found.
        tracing::error!(%error, "the patterns of the classifier cannot be compiled: it judges messages without them");
        RegexSet::empty()
    })
});

/// Returns the indexes of the signs in the plain form of a message.
pub fn found(plain: &str) -> impl Iterator<Item = usize> {
    PATTERNS.matches(ascii(plain).as_bytes()).into_iter()
}

/// Returns a text in ASCII: German letters in their usual replacements, smiling emoji as `:)`, and full stops for an
/// ellipsis. Any other character becomes the control character 1, which no pattern contains.
fn ascii(text: &str) -> String {
    let mut plain = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match letter {
            _ if letter.is_ascii() => plain.push(letter),
            'ä' | 'Ä' => plain.push_str("ae"),
            'ö' | 'Ö' => plain.push_str("oe"),
            'ü' | 'Ü' => plain.push_str("ue"),
            'ß' => plain.push_str("ss"),
            '😂' | '🤣' | '😄' | '😉' | '🎉' | '😅' => plain.push_str(" :) "),
            '…' => plain.push_str("..."),
            _ => plain.push('\u{1}'),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_read_and_each_name_is_its_own() {
        assert_eq!(PATTERNS.len(), SIGNS.len());
        let mut names: Vec<&str> = SIGNS.iter().map(|sign| sign.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SIGNS.len());
    }
}
