//! What the templates' `{names}` stand for, and the people of the story.
//!
//! Kestrel Instruments is a company of twelve that makes the Finch, a weather station for a coat pocket. Its founder
//! is Maya Okafor: her mail, her tasks and her chat are what the sandbox serves.

use super::SplitMix;

/// A member of the company.
pub struct Person {
    /// Her first name.
    pub first: &'static str,
    /// In full.
    pub name: &'static str,
    /// In Slack and before the at sign.
    pub handle: &'static str,
}

impl Person {
    /// Name and address, as a header has them.
    pub fn address(&self) -> String {
        format!("{} <{}@kestrel.example>", self.name, self.handle)
    }
}

const fn person(first: &'static str, name: &'static str, handle: &'static str) -> Person {
    Person { first, name, handle }
}

/// The company; the first is the account's owner.
pub const TEAM: [Person; 12] = [
    person("Maya", "Maya Okafor", "maya"),
    person("Zoë", "Zoë Park", "zoe"),
    person("Jürgen", "Jürgen Müller", "juergen"),
    person("Amélie", "Amélie Laurent", "amelie"),
    person("Tomasz", "Tomasz Wójcik", "tomasz"),
    person("Priya", "Priya Nair", "priya"),
    person("Søren", "Søren Dahl", "soren"),
    person("Inês", "Inês Carvalho", "ines"),
    person("Kenji", "田中 健二", "kenji"),
    person("Lucía", "Lucía Fernández", "lucia"),
    person("Noah", "Noah Bennett", "noah"),
    person("Aoife", "Aoife Byrne", "aoife"),
];

/// The member with that handle; the owner for one that is unknown.
pub fn teammate(handle: &str) -> &'static Person {
    let [owner, ..] = &TEAM;
    TEAM.iter().find(|person| person.handle == handle).unwrap_or(owner)
}

const PARTS: &[&str] = &[
    "barometer membrane",
    "wind cup",
    "brass bezel",
    "battery door",
    "rain sensor",
    "antenna clip",
    "lanyard ring",
    "display glass",
    "charging port",
    "thermometer tip",
    "hinge pin",
    "gasket",
];

const CITIES: &[&str] = &[
    "Lisbon", "Osaka", "Lyon", "Wrocław", "Aarhus", "Galway", "Bergen", "Trieste", "Kraków",
    "Porto", "Zürich", "Malmö",
];

const CUSTOMERS: &[&str] = &[
    "Alpine Hut Association",
    "Harbour School Galway",
    "Weingut Sonnhalde",
    "Surf Club Ericeira",
    "Yukimura Farm",
    "Lofoten Kayak",
    "Balloon Festival Albi",
    "Bergwacht Oberstdorf",
    "Isle of Skye Ferries",
    "Apiarium Beekeepers",
    "Sternwarte Treptow",
    "Drachenfest Fanø",
];

const SUPPLIERS: &[&str] = &[
    "Brandt Präzision",
    "Osaka Seimitsu",
    "Plastix Wrocław",
    "Atelier Gravure Lyon",
    "Norrland Glas",
    "Kabelwerk Adler",
];

const DAYS: &[&str] = &["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"];

const TAGE: &[&str] = &["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag"];

const MONTHS: &[&str] = &[
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const FOODS: &[&str] = &[
    "lentil soup",
    "jollof rice",
    "pierogi",
    "kimchi pancakes",
    "the big salad",
    "okonomiyaki",
    "käsespätzle",
    "caldo verde",
    "flammkuchen",
    "ramen from the place with the red door",
];

const WEATHER: &[&str] = &[
    "sideways rain",
    "proper fog",
    "a double rainbow",
    "hail the size of peas",
    "the first frost",
    "thirty degrees in the shade",
    "a very rude wind",
    "one single cloud",
];

const SONGS: &[&str] = &[
    "Abendlied",
    "Shenandoah",
    "Der Mond ist aufgegangen",
    "Ave verum",
    "Bohemian Rhapsody, all of it",
    "Ukuthula",
    "Maria durch ein Dornwald ging",
];

const SHOWS: &[&str] = &[
    "the Nürnberg outdoor fair",
    "Maker Days Berlin",
    "the sailing show in Genoa",
    "the school science week",
    "Foire de Lyon",
    "the Tokyo instrument expo",
];

const BOOKS: &[&str] = &[
    "The Invention of Clouds",
    "Der Zauberberg",
    "A Field Guide to Wind",
    "Moominland Midwinter",
    "The Wind in the Willows",
    "Le Petit Prince",
    "Isaac's Storm",
];

const CODES: &[&str] = &["K7", "P3", "R12", "B9", "M4", "Q8", "D21"];

/// The word for a name in a template. A name that is none is left as it is, so that it shows.
pub fn of(name: &str, rng: &mut SplitMix) -> String {
    let list = match name {
        "part" => PARTS,
        "city" => CITIES,
        "customer" => CUSTOMERS,
        "supplier" => SUPPLIERS,
        "day" => DAYS,
        "tag" => TAGE,
        "month" => MONTHS,
        "food" => FOODS,
        "weather" => WEATHER,
        "song" => SONGS,
        "show" => SHOWS,
        "book" => BOOKS,
        "code" => CODES,
        _ => return number(name, rng).unwrap_or_else(|| format!("{{{name}}}")),
    };
    rng.word(list).to_owned()
}

fn number(name: &str, rng: &mut SplitMix) -> Option<String> {
    Some(match name {
        "n" => (3 + rng.below(38)).to_string(),
        "few" => (2 + rng.below(5)).to_string(),
        "many" => (120 + rng.below(1900)).to_string(),
        "pct" => (2 + rng.below(27)).to_string(),
        "hour" => format!("{}:{}0", 8 + rng.below(10), rng.below(6)),
        "date" => (1 + rng.below(28)).to_string(),
        "quarter" => format!("Q{}", 1 + rng.below(4)),
        "version" => format!("2.{}.{}", rng.below(9), rng.below(12)),
        "build" => (1200 + rng.below(2400)).to_string(),
        "invoice" => format!("{}-{:04}", 2024 + rng.below(3), 40 + rng.below(900)),
        "ticket" => format!("#{}", 3100 + rng.below(5800)),
        "amount" => {
            let (thousands, rest) = (rng.below(19), rng.below(1000));
            let cents = rng.below(100);
            if thousands == 0 {
                format!("{}.{cents:02}", 60 + rest % 900)
            } else {
                format!("{thousands},{rest:03}.{cents:02}")
            }
        }
        "degrees" => (i64::try_from(rng.below(38)).unwrap_or_default() - 6).to_string(),
        "flight" => format!("AE {}", 100 + rng.below(800)),
        "platform" => (1 + rng.below(22)).to_string(),
        "parcel" => format!("PW{:08}", rng.below(99_999_999)),
        _ => return None,
    })
}
