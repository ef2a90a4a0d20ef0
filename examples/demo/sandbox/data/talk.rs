//! What is said in the company's chat.

/// A conversation, and the threads that are begun in it.
pub struct Room {
    /// Its name; for one with a single person their handle, for one of several theirs, with `+` between them.
    pub name: &'static str,
    /// What it is about.
    pub topic: &'static str,
    /// How much is said, next to the others.
    pub weight: usize,
    /// Each begins with who says it, `handle: words`; `*` is anybody, `bot` the build bot. What follows replies.
    pub talks: &'static [&'static [&'static str]],
}

const fn room(
    name: &'static str,
    topic: &'static str,
    talks: &'static [&'static [&'static str]],
) -> Room {
    Room { name, topic, weight: 3, talks }
}

const fn direct(name: &'static str, talks: &'static [&'static [&'static str]]) -> Room {
    Room { name, topic: "", weight: 1, talks }
}

/// Channels; the first is the one that everybody is in, those that begin with a lock are private.
pub const CHANNELS: [Room; 13] = [
    room(
        "general",
        "Everybody, everything, sometimes cake",
        &[
            &[
                "maya: Good morning! Outside: {weather}. Inside: {food} at noon. [Bring a friend.|Bring a jumper.]",
                "@zoe: already hungry",
                "*: same",
            ],
            &["aoife: The office is closed on {day}, the plumber and the pipes want to be alone."],
            &[
                "lucia: The quarterly report for {quarter} is out. Short version: <https://docs.kestrel.example/report|we can afford the good coffee>",
                "maya: and the long version is worth reading, thank you @lucia",
                "soren: page 4! 🔥",
            ],
            &[
                "maya: We have a date: the Finch 2 goes out on {day}, {date} {month}. Thank you all & please sleep.",
                "zoe: 🎉🎉🎉",
                "kenji: おめでとうございます!",
                "amelie: enfin !",
                "tomasz: firmware {version} is ready when you are",
            ],
            &[
                "*: Who left {many} rubber ducks in the test chamber?",
                "zoe: they are calibrated",
                "*: of course they are",
            ],
            &[
                "priya: {customer} sent us a cake shaped like a {part}. Kitchen, now.",
                "*: @priya arrived too late, there is only the {part} left",
            ],
        ],
    ),
    room(
        "finch-launch",
        "Finch 2: what is left to do",
        &[
            &[
                "zoe: {part} lot {code}: {n} of 50 are fine. I would not ship the rest, @maya ?",
                "juergen: {supplier} tauscht sie bis {day}.",
                "maya: then we wait until {day}. Better late than squeaky.",
            ],
            &[
                "ines: Launch page is on staging: <https://staging.kestrel.example>. Please look for typos & feelings.",
                "noah: fixed two of each",
                "maya: \"know before the crows do\" ❤️",
            ],
            &[
                "soren: {customer} asks for {many} with engraving, by {month}. Can we?",
                "kenji: @soren yes, if the {part}s come on {day}.",
                "amelie: gravure prête, j'envoie le fichier",
            ],
            &[
                "amelie: Couleur finale : « ciel avant l'orage ». Photo dans le fil.",
                "+amelie: voilà",
                "maya: it looks like Sunday",
            ],
            &[
                "maya: Box text: max {n} words. Mine has twice as many. Help.",
                "ines: A weather station for your coat pocket. Done.",
                "maya: hired (again)",
            ],
            &[
                "kenji: First {n} units off the line, yield {pct}% better than last week.",
                "zoe: kenji!!! 👏",
            ],
        ],
    ),
    room(
        "firmware",
        "C, Rust and clouds",
        &[
            &[
                "tomasz: {version} is tagged. `feels_like` no longer thinks {city} is on Mercury.",
                "zoe: flashing {few} units now",
                "zoe: confirmed, {city} is {degrees} °C",
            ],
            &[
                "tomasz: Battery in fog: {pct} % better. I read the {part} only when pressure moves.",
                "maya: that is {few} more weeks in a pocket. Beautiful.",
            ],
            &[
                "tomasz: Does anybody know why 1013.25 hPa crashes & 1013.26 does not?",
                "zoe: division by (p - 1013.25)?",
                "tomasz: … I need a walk",
                "tomasz: fixed",
            ],
            &[
                "noah: can the web flasher talk to {version}?",
                "tomasz: yes, if <https://docs.kestrel.example/usb|USB> is on",
                "noah: works, thx",
            ],
            &["*: what is the flag for *quiet* mode?", "tomasz: `--like-a-library`"],
        ],
    ),
    room(
        "hardware",
        "If it has a screw it belongs here",
        &[
            &[
                "zoe: The {part} sticks at {degrees} °C. Video in thread, sound on.",
                "+zoe: listen",
                "juergen: das ist das Fett, nicht das Teil",
                "zoe: you are right & I hate it",
            ],
            &[
                "juergen: {supplier} kann {many} Stück bis {month}. Invoice {invoice} kommt per Mail.",
                "lucia: gracias, I will look for it",
            ],
            &[
                "zoe: Drop test from the roof: {few} of {few} survived. The lawn did not.",
                "aoife: please tell the lawn's owner",
                "zoe: told. He wants one.",
            ],
            &[
                "*: has anyone seen the {n} mm drill?",
                "*: it is holding the window open",
                "*: it is a good drill",
            ],
        ],
    ),
    room(
        "customer-care",
        "Tickets, praise, owls",
        &[
            &[
                "priya: {ticket} {customer}: shows {weather} indoors. Breathing on the {part} helped.",
                "maya: we should print that on the box",
            ],
            &[
                "priya: A school in {city} wrote {n} letters with drawings. I am not crying.",
                "maya: let us answer all of them by hand",
                "*: I take five",
                "*: I take the ones with dragons",
            ],
            &[
                "priya: @lucia refund for {ticket}, {amount} EUR, ok?",
                "lucia: ok, which invoice?",
                "priya: {invoice}",
                "lucia: done",
            ],
            &[
                "priya: \"It makes a noise like a small owl.\" Third one this week, all lot {code}.",
                "zoe: hinge pin. I will look on {day}.",
                "zoe: it really does sound like an owl",
            ],
        ],
    ),
    room(
        "sales",
        "Good calls, bad calls, oysters",
        &[
            &[
                "soren: {customer} signed! {many} units, invoice {invoice} is out.",
                "lucia: 💶",
                "maya: cake for Amélie, she knows why",
            ],
            &[
                "soren: Lost {customer} to a competitor with an app. *An app.*",
                "maya: they will be back when the battery is empty",
            ],
            &[
                "soren: In {city} until {day}. The client collects barometers & showed me all {n}.",
                "zoe: photos please",
                "soren: 📷 in the folder",
            ],
        ],
    ),
    room(
        "marketing",
        "Words and pictures",
        &[
            &[
                "ines: Newsletter goes out {day} at {hour}. Subject: \"{weather}? You knew.\"",
                "maya: yes!",
                "noah: {many} subscribers will know",
            ],
            &[
                "ines: The magazine wants to know why a bird.",
                "maya: because birds know before we do",
                "ines: printing that",
            ],
            &[
                "amelie: Nouvelle affiche pour {show}, avis ?",
                "ines: lindíssimo",
                "soren: @amelie can the bird be bigger",
                "amelie: non",
            ],
        ],
    ),
    room(
        "random",
        "Clouds that look like things",
        &[
            &[
                "*: cloud over the canal looks like {food}",
                "*: you are hungry",
                "*: both can be true",
            ],
            &["noah: reading {book}. No spoilers.", "emil: what", "maya: the wind did it"],
            &[
                "*: would you rather have {few} small barometers or one barometer the size of a house",
                "zoe: house",
                "noah: house, but waterproof",
                "maya: we are a small barometer company 😢",
            ],
            &["priya: reading \"{book}\" to my plant. It leans towards the sad chapters."],
            &[
                "amelie: le chat du quartier a choisi le carton du {part}, il reste jusqu'à {day}",
                "*: let him",
                "juergen: Chef im Karton",
            ],
            &["*: overheard: \"that is not {weather}, that is Wednesday\""],
            &["*: today's song: {song}", "aoife: not in the test chamber please"],
            &[
                "tomasz: my cat sat on the Finch & now it predicts cat",
                "priya: @tomasz ticket number?",
                "tomasz: {ticket}",
            ],
            &["zoe: {weather} in 3, 2, 1", "*: 😮", "*: how"],
        ],
    ),
    room(
        "lunch",
        "12:30, no meetings",
        &[
            &["*: {food} today?", "*: yes", "*: yes please", "maya: late, save me some @zoe"],
            &[
                "*: leftovers of {food} in the blue bowl, first come",
                "*: too late?",
                "*: too late.",
            ],
            &["soren: I brought herring.", "*: oh", "priya: oh no", "soren: more for me"],
            &["*: table for {few} at the place with the red door, {hour}", "*: +1"],
            &["kenji: 今日のランチは {food}。 Wish you were here.", "maya: 美味しそう!"],
        ],
    ),
    room(
        "design",
        "Shape, colour, feel",
        &[
            &[
                "amelie: Le {part} en laiton brossé, trois rayons. Fichier dans le fil.",
                "+amelie: {code}",
                "zoe: radius 2, it must survive my pocket",
            ],
            &[
                "amelie: Icon for {weather}: too cheerful?",
                "maya: it can be cheerful, it is only weather",
                "ines: love",
            ],
        ],
    ),
    Room {
        name: "builds",
        topic: "What the machines say",
        weight: 5,
        talks: &[
            &[
                "bot: Build <https://ci.kestrel.example/{build}|#{build}> of firmware {version} passed, {many} tests & {few} warnings",
            ],
            &[
                "bot: Build <https://ci.kestrel.example/{build}|#{build}> of firmware {version} failed: wind_from_the_north_is_cold",
                "tomasz: it was warm",
                "zoe: @tomasz 😂",
            ],
            &["bot: Website deployed to {city} in {n} s"],
        ],
    },
    room(
        "🔒leads",
        "Money, people, worries",
        &[
            &[
                "lucia: Cash until {month}, without {customer}. With them until next {month}.",
                "maya: then let us be nice to them",
                "soren: I am always nice",
            ],
            &[
                "aoife: Candidate {code}: washing machine seismograph. I want her.",
                "maya: me too",
                "zoe: yes yes yes",
            ],
            &[
                "maya: Quarterly report to the board on {day}. Please read page {few}.",
                "lucia: page {few} is the good one",
            ],
        ],
    ),
    Room {
        name: "🔒moving-out",
        topic: "Archived: the old office",
        weight: 1,
        talks: &[
            &[
                "aoife: Last box is out. We forgot the {part}s in the attic.",
                "juergen: ich fahre hin",
            ],
            &["aoife: Who takes the sofa that remembers {weather}?", "*: me", "*: no, me"],
            &["maya: Goodbye, old ceiling. You leaked with style."],
        ],
    },
];

/// Conversations of two and more.
pub const DIRECT: [Room; 7] = [
    direct(
        "zoe",
        &[
            &["zoe: do you have a minute for the {part}?"],
            &["maya: lunch? {food}"],
            &["zoe: I put the prototype on your chair, do not sit down"],
            &["maya: I sat down"],
            &["zoe: <3 thank you for {day}"],
            &["maya: board liked the quarterly report. and your drawing of the {part} most of all"],
            &["zoe: {weather} on the roof, come & look"],
            &["zoe: can you sign {supplier}'s invoice {invoice}?"],
            &["maya: signed. also, happy birthday 🎂"],
        ],
    ),
    direct(
        "lucia",
        &[
            &["lucia: the invoice {invoice} is {amount} EUR, is that right?"],
            &["maya: yes, it was the {part}s"],
            &["lucia: perfecto"],
            &["lucia: I found the oysters. They were in 'office supplies'."],
            &["maya: shells are office supplies"],
        ],
    ),
    direct(
        "juergen",
        &[
            &["juergen: {supplier} hat angerufen, wegen {part}. Rückruf {tag}?"],
            &["maya: gerne, {hour}"],
            &["juergen: Zug steht. Aussicht schön."],
            &["maya: schick ein Foto!"],
        ],
    ),
    direct(
        "amelie",
        &[
            &["amelie: tu as vu la couleur ? dis oui"],
            &["maya: oui 😍"],
            &["amelie: j'ai rêvé de l'emballage, il était en mousse et il chantait"],
            &["maya: on garde la mousse"],
        ],
    ),
    direct(
        "kenji",
        &[
            &["kenji: 明日は {n} 台の予定です。"],
            &["maya: ありがとうございます! Say hello to the line."],
            &["kenji: The bird on the drawing has a name now: ピーちゃん"],
            &["maya: please never tell marketing, or rather: tell marketing"],
        ],
    ),
    direct(
        "ines",
        &[
            &["ines: a campanha começa {day} às {hour}, boa sorte para nós"],
            &["maya: 🍀"],
            &["ines: {many} pré-encomendas desde {hour}!"],
            &["maya: obrigada, Inês. Go and swim."],
        ],
    ),
    direct(
        "zoe+tomasz",
        &[
            &["tomasz: {version} on the bench, come & see"],
            &["zoe: coming"],
            &["maya: with coffee"],
            &["tomasz: @zoe who turned the {part} upside down?"],
            &["zoe: gravity, and {weather}"],
        ],
    ),
];
