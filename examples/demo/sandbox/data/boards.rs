//! The company's projects, and two of Maya's own.

/// A project as its tasks are made from.
pub struct Board {
    /// Its name.
    pub name: &'static str,
    /// Its columns.
    pub sections: &'static [&'static str],
    /// Names of tasks.
    pub tasks: &'static [&'static str],
    /// Names of subtasks.
    pub steps: &'static [&'static str],
    /// Descriptions.
    pub notes: &'static [&'static str],
    /// Everything in it is Maya's.
    pub private: bool,
}

const FLOW: &[&str] = &["Ideas", "To do", "Doing", "Waiting", "Done"];

const STEPS: &[&str] = &[
    "[Ask|Call|Write to] {supplier}",
    "Draft for {from}",
    "Photos",
    "Measure three times",
    "Ask Lucía for the invoice",
    "Translate into [German|French|Portuguese|Japanese]",
    "Tell support",
    "Book the train to {city}",
];

const NOTES: &[&str] = &[
    "",
    "",
    "Agreed on {day}: {from} looks into it, {supplier} gives a date.",
    "Context in the mail thread \"{part}\".\n\n- cost: {amount} EUR\n- risk: {weather}\n- owner of the screwdriver: {from}",
    "{customer} asked for this twice. The second time with a drawing.",
    "Bitte bis {day}. Die Muster liegen bei Zoë auf dem Tisch.",
    "À voir avec l'atelier avant {month}.",
    "Do not forget the {part}. We forgot the {part} last time.",
];

const fn board(
    name: &'static str,
    sections: &'static [&'static str],
    tasks: &'static [&'static str],
) -> Board {
    Board { name, sections, tasks, steps: STEPS, notes: NOTES, private: false }
}

/// All of them.
pub const BOARDS: [Board; 12] = [
    board(
        "Finch 2 launch",
        FLOW,
        &[
            "Approve {part} sample {code}",
            "Choose the launch day (not a {day})",
            "Write the {n}-word description that fits on the box",
            "Film the {weather} shot",
            "Engraving for {customer}",
            "Limited edition in apricot: {many} pieces",
            "Box insert: how to read a cloud",
            "Launch dinner: {food} for thirty",
            "Price list {quarter}",
            "Send a Finch 2 to {city}",
            "Zoë: demo unit that survives a puddle",
            "Countdown mail to {many} subscribers",
        ],
    ),
    board(
        "Firmware 2.x",
        &["Backlog", "Next", "In progress", "Review", "Released"],
        &[
            "{version}: release notes people can read",
            "Barometer drifts below {degrees} °C",
            "Arrow points north in {city}",
            "Save {pct} % battery while it is foggy",
            "Wake up in under half a second",
            "\"Feels like\" says {n} °C too much",
            "Sleep when in a drawer",
            "Log of the last {n} storms",
            "Test rig for the {part}",
            "Crash when pressure is exactly 1013.25",
            "Add a setting for people who like Fahrenheit",
        ],
    ),
    board(
        "Supplier quality",
        &["Angefragt", "Muster da", "Geprüft", "Freigegeben"],
        &[
            "{supplier}: Angebot {part}",
            "Wareneingang {part} prüfen",
            "{supplier} audit in {city}",
            "Reklamation {n} Stück {part}",
            "Second source for the {part}",
            "Invoice {invoice} from {supplier}: price differs",
            "Messprotokoll {code} anfordern",
            "Verpackung ohne Plastik: {part}",
            "Prüfbericht an Jürgen und Zoë",
        ],
    ),
    board(
        "Website refresh",
        FLOW,
        &[
            "Headline: know before the crows do",
            "Page speed in {city} under a second",
            "Photo of the {part}, close",
            "Alt texts for {n} pictures",
            "Shop in [Japanese|Portuguese|German]",
            "404 page: lost in the fog",
            "Interview with {customer}",
            "Cookie banner that apologises",
            "Weather map of all {many} Finches",
            "Newsletter archive since {month}",
        ],
    ),
    board(
        "Customer care",
        &["New", "Asked back", "Sending parts", "Happy"],
        &[
            "{ticket}: {part} came off",
            "{ticket}: shows {weather} indoors",
            "{ticket}: {customer} wants another {few}",
            "{ticket}: makes a noise like a small owl",
            "Answers for {weather} week",
            "Ask {customer} for a photo",
            "Replace {n} units from lot {code}",
            "Letter from a school in {city}, please answer by hand",
            "Return without a name: contains a Finch and a shell",
        ],
    ),
    board(
        "Quarterly report",
        &["Numbers", "Text", "Check", "Sent"],
        &[
            "Quarterly report {quarter}: revenue",
            "Quarterly report {quarter}: stock of {part}s",
            "Quarterly report {quarter}: page 4, lenses not loses",
            "Invoice {invoice}: find the receipt",
            "Travel costs {city}",
            "Forecast: {many} units by {month}",
            "Board questions from {day}",
            "Lucía and Maya: read aloud once",
            "Thank-you line for {customer}",
        ],
    ),
    board(
        "Trade fairs",
        FLOW,
        &[
            "{show}: book the stand",
            "{show}: who sleeps where",
            "Wind tunnel out of a hair dryer",
            "Talk: \"{book}\" in twelve minutes",
            "Print {many} cards",
            "Crates to {city} by {day}",
            "Stand rota without Søren at {hour}",
            "Follow up {customer}",
            "Umbrellas, enough of them",
        ],
    ),
    board(
        "Hiring",
        &["Applied", "First talk", "Trial day", "Welcome"],
        &[
            "Firmware engineer: candidate {code}",
            "Support, part time: candidate {code}",
            "Trial day on {day}, lunch is {food}",
            "Rewrite the advert so that {city} understands it",
            "Answer the seismograph person",
            "Desk by the window",
            "Welcome box: Finch, socks, {book}",
            "Ask Aoife about contracts in {city}",
        ],
    ),
    board(
        "Office and other animals",
        &["Please", "Somebody is on it", "Thanks"],
        &[
            "Water the big plant (it is pretending)",
            "Coffee machine says {weather}",
            "Claim the jar in the fridge",
            "Key for room {n}",
            "Light above Tomasz flickers in morse",
            "Recycling goes out on {day}",
            "Choir practice may not be held in the test chamber",
            "Summer party: {food}, {song}",
            "Bike cellar: whose chestnuts?",
        ],
    ),
    board(
        "Press and friends",
        FLOW,
        &[
            "Interview {city}, {day} {hour}",
            "Test unit for the magazine",
            "Reply to the podcast about {book}",
            "Press photo with {weather}",
            "Quote from {customer}",
            "Answer: why a bird?",
            "Award application, {n} pages",
            "Thank Hélène for the article",
        ],
    ),
    Board {
        name: "Kitchen, at last",
        sections: &["Dreams", "Quotes", "Dust", "Finished"],
        tasks: &[
            "Tiles: green or \"ciel avant l'orage\"",
            "Quote from the carpenter in {city}: {amount} EUR",
            "Invoice {invoice}: oven",
            "Where does the {food} pot live?",
            "Move the piano out of the dust",
            "Plumber, {day} {hour}, really this time",
            "Shelf for {n} cookbooks",
            "Window that opens during {weather}",
        ],
        steps: &["Measure again", "Ask Chidi", "Ada chooses the colour", "Pay the invoice"],
        notes: &[
            "",
            "Chidi says yes.",
            "Budget {amount} EUR, do not tell the kitchen.",
            "Am {day} kommt der Elektriker.",
        ],
        private: true,
    },
    Board {
        name: "Ada, school, choir",
        sections: &["This week", "This month", "Some day"],
        tasks: &[
            "Regenjacke, Größe 1{few}0",
            "Elternabend am {tag}",
            "Cake for the Schulfest ({food} is not a cake)",
            "Return {book} to the library",
            "Second verse of {song}",
            "Birthday: {few} children, one weather balloon",
            "Flights to Enugu in {month}",
            "Zahnarzt, {tag} {hour}",
            "Worm rescue kit",
        ],
        steps: &["Ask Frau Sommer", "Buy candles", "Call Mum", "Practise with Hannah"],
        notes: &[
            "",
            "Frau Sommer hat eine Liste geschickt.",
            "Ada möchte es grün.",
            "Mum brings the big pot.",
        ],
        private: true,
    },
];

/// What is on Maya's own list, in no project.
pub const MINE: &[&str] = &[
    "Call Mum on {day}",
    "Read {book}",
    "Thank Zoë for the gasket",
    "Passport runs out in {month}",
    "Write to Emeka",
    "Think about {customer}",
    "Nothing, on {day} at {hour}",
];

/// Tags that tasks bear.
pub const TAGS: &[&str] =
    &["urgent", "waiting for rain", "needs Zoë", "quick", "customer love", "Ärgernis", "deep work"];
