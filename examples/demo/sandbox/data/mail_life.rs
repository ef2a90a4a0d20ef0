//! Mail about everything else: family, school, choir, travel, bills and what nobody ordered.

use super::mails::Scene;

/// Conversations at home, and what programs and shops send.
pub const LIFE: &[Scene] = &[
    Scene::address(
        "Chidi Okafor <chidi.okafor@post.example>",
        "[Dinner|Saturday|Ada's shoes|The boiler|Keys]",
        &[
            "I am cooking {food} [tonight|on {day}]. Can you bring [lemons|bread|your mother's big pot|nothing but yourself]?\n\nC.",
            "me: Yes! Home by {hour}, unless the barometer meeting turns into a storm.",
            "It always does. I will keep it warm. ❤️",
        ],
    )
    .label("Family")
    .weight(3),
    Scene::address(
        "Ngozi Okafor <ngozi@post.example>",
        "[Hello from Enugu|Photos|Your cousin's wedding|A recipe]",
        &[
            "My dear Maya,\n\nthe rains have come and the radio says {weather}, but your little machine said so two days before, and I told everybody that my daughter made it.\n\nWhen do you bring Ada? I will make {food}.\n\nYour mother",
            "me: Mum! We come in {month}, I promise. Ada has drawn you a rain cloud with legs.\n\nLove, Maya",
        ],
    )
    .label("Family")
    .file("photo {code}.jpg")
    .weight(2),
    Scene::address(
        "Frau Sommer <sommer@lindenhof-schule.example>",
        "Klasse 3b: [Ausflug|Elternabend|Wandertag|Basteltag] am {tag}",
        &[
            "Liebe Eltern,\n\nam {tag} gehen wir mit der Klasse 3b [in die Sternwarte|an den See|ins Museum für Naturkunde]. Bitte geben Sie Ihrem Kind eine Regenjacke, ein Brot und [{few} Euro|gute Laune] mit.\n\nWer kann begleiten?\n\nHerzliche Grüße\nK. Sommer",
            "me: Liebe Frau Sommer, ich begleite gerne und bringe für jedes Kind ein kleines Barometer mit.\n\nMaya Okafor (Ada)",
            "Das ist wunderbar! Die Kinder reden von nichts anderem mehr.\n\nK. Sommer",
        ],
    )
    .label("School")
    .weight(3),
    Scene::address(
        "Sekretariat Lindenhof-Grundschule <buero@lindenhof-schule.example>",
        "Essensgeld {month}",
        &[
            "Liebe Familie Okafor,\n\nbitte überweisen Sie das Essensgeld für {month} ({amount} EUR klingt viel, es ist für das ganze Halbjahr). Am {tag} gibt es {food}.\n\nIhr Sekretariat",
        ],
    )
    .label("School"),
    Scene::address(
        "Hannah Weiss <hannah@nachtigallen.example>",
        "Chorprobe: {song}",
        &[
            "Ihr Lieben,\n\nam {tag} proben wir {song}. Der Alt bitte schon um {hour}, ihr wisst warum. [Bringt Kekse mit.|Die Heizung geht wieder!|Der Tenor hat sich verdoppelt: es sind jetzt zwei.]\n\nHannah",
            "me: Bin da, mit Keksen und fast mit der zweiten Strophe.\n\nMaya",
        ],
    )
    .label("Choir")
    .file("{song}.pdf")
    .weight(2),
    Scene::address(
        "Emeka Okafor <emeka@post.example>",
        "Have you read {book}?",
        &[
            "Sis,\n\njust finished {book}. You must read it, there is a chapter on {weather} that could be about Dad.\n\nWhen I am in {city} in {month} I will bring it.\n\nE.",
            "me: Bring it, and bring yourself for longer than one evening this time.",
            "Deal. Two evenings and {food}.",
        ],
    )
    .label("Family"),
    Scene::address(
        "Praxis Dr. Vogel <praxis@dr-vogel.example>",
        "Ihr Termin am {tag} um {hour}",
        &[
            "Guten Tag Frau Okafor,\n\nwir erinnern an Ihren Termin am {tag} um {hour}. Bitte bringen Sie die Karte mit und, wenn es geht, keine Angst.\n\nPraxis Dr. Vogel, Zahnheilkunde",
        ],
    )
    .weight(1),
    Scene::address(
        "Hausverwaltung Lindner <post@hv-lindner.example>",
        "[Heizung|Treppenhaus|Fahrradkeller|Aufzug] im Haus {n}",
        &[
            "Sehr geehrte Mieterinnen und Mieter,\n\nam {tag} ab {hour} Uhr wird die Heizung gewartet. Das Wasser kann kurz braun, kalt oder beides sein. Das Fahrrad mit dem Korb voller Kastanien steht noch immer vor der Kellertür.\n\nHausverwaltung Lindner",
            "me: Sehr geehrte Damen und Herren, das Fahrrad ist meines, die Kastanien sind die meiner Tochter. Beides ist heute Abend weg.\n\nM. Okafor",
        ],
    ),
    Scene::address(
        "Aerial Air <no-reply@aerialair.example>",
        "Your booking {code}{n}: {flight} to {city}",
        &[
            "Thank you, Maya Okafor.\n\nFlight {flight} to {city}\n{date} {month}, {hour}\nSeat [14A|22F|3C], one bag\nTotal: {amount} EUR\n\nCheck-in opens 24 hours before. Expected weather in {city}: {weather}.",
        ],
    )
    .file("booking {code}{n}.pdf")
    .label("Travel")
    .html()
    .weight(2),
    Scene::address(
        "Fernzug <no-reply@fernzug.example>",
        "Ihre Fahrkarte nach {city}, {date}. {month}",
        &[
            "Gute Reise, Maya Okafor!\n\nAbfahrt {hour}, Gleis {platform}\nWagen {few}, Platz {n} (Fenster)\nPreis: {amount} EUR\n\nDer Zug fährt heute [pünktlich|pünktlich|etwas später, dafür in umgekehrter Wagenreihung].",
        ],
    )
    .file("Fahrkarte {build}.pdf")
    .label("Travel")
    .weight(2),
    Scene::address(
        "Pensão Alegria <reservas@pensao-alegria.example>",
        "A sua reserva para {month}",
        &[
            "Olá Maya,\n\no seu quarto está reservado de {date} de {month}, três noites, com vista para o rio. O pequeno-almoço é às {hour}; o pão vem da padaria da esquina.\n\nBoa viagem!\nDona Graça",
            "me: Obrigada, Dona Graça! Chegamos tarde, por volta das 22h, somos três e uma mala cheia de barómetros.\n\nMaya",
        ],
    )
    .label("Travel"),
    Scene::address(
        "Nimbus Bank <no-reply@nimbusbank.example>",
        "Your statement for {month} is ready",
        &[
            "Hello Maya,\n\nyour statement for {month} is ready. Money in: {amount} EUR. The largest payment out went to {supplier}.\n\nWe never ask for your password by mail, not even in {weather}.",
        ],
    )
    .file("statement {month}.pdf")
    .label("Finance")
    .html()
    .weight(2),
    Scene::address(
        "Stadtwerke <no-reply@stadtwerke.example>",
        "Ihre Rechnung {invoice} (invoice for electricity)",
        &[
            "Guten Tag Maya Okafor,\n\nIhre Stromrechnung {invoice} über {amount} EUR liegt bereit. Sie haben {pct} % weniger verbraucht als im Vorjahr. Respekt!\n\nIhre Stadtwerke",
        ],
    )
    .file("Rechnung {invoice}.pdf")
    .label("Invoices")
    .html()
    .weight(2),
    Scene::address(
        "Paketwolf <no-reply@paketwolf.example>",
        "Your parcel {parcel} [is on its way|arrives today|is with your neighbour]",
        &[
            "Parcel {parcel}\n\nFrom: [The Paper Fox|{supplier}|somebody who likes you]\nArrives: {day} between {hour} and later\n\nThe wolf has been told about your dog.",
        ],
    )
    .label("CATEGORY_UPDATES")
    .html()
    .weight(4),
    Scene::address(
        "The Paper Fox <news@paperfox.example>",
        "[New notebooks|Ink that smells of rain|{pct} % off everything green] 🦊",
        &[
            "Dear paper person,\n\nthe {month} notebooks are here: {many} pages, sewn, with a pocket for {weather}. Until {day} the second one is {pct} % off.\n\nThe Paper Fox, {city}",
        ],
    )
    .label("CATEGORY_PROMOTIONS")
    .html()
    .weight(4),
    Scene::address(
        "Morning Barometer <news@barometer.example>",
        "{weather} over {city}, and why it matters",
        &[
            "Good morning,\n\n{weather} over {city} at {degrees} °C. On this day somebody invented [the hygrometer|the umbrella stand|small talk about rain].\n\nRead: how {customer} watches the sky. Listen: {song}. Cook: {food}.\n\nBarometer reads [1013|998|1027] hPa and rising.",
        ],
    )
    .label("CATEGORY_FORUMS")
    .html()
    .weight(8),
    Scene::address(
        "Stadtbibliothek <no-reply@stadtbibliothek.example>",
        "Leihfrist: {book}",
        &[
            "Guten Tag,\n\n„{book}“ ist am {tag} fällig. Auf das Buch warten {few} Menschen. Einer davon ruft täglich an.\n\nIhre Stadtbibliothek",
            "me: Ich bringe es morgen. Sagen Sie dem Menschen, dass er sich freuen darf.\n\nM. Okafor",
        ],
    ),
    Scene::address(
        "Nachbarschaft Lindenstraße <liste@lindenstrasse.example>",
        "[Flohmarkt|Hoffest|Wer vermisst eine Katze?|Leiter zu verleihen]",
        &[
            "Hallo zusammen,\n\nam {tag} ab {hour} ist wieder etwas los im Hof. Es gibt {food}, und wer will, bringt Stühle. Eine getigerte Katze sitzt seit {few} Tagen auf dem Dach und sieht zufrieden aus.\n\nEuer Haus {n}",
            "me: Wir bringen Limonade und eine Wetterstation mit. Es wird trocken.\n\nMaya & Chidi & Ada",
        ],
    )
    .label("CATEGORY_SOCIAL"),
    Scene::address(
        "Ada (via Chidi) <chidi.okafor@post.example>",
        "AN MAMA",
        &[
            "LIEBE MAMA HEUTE WAR {weather} UND ICH HABE ES VORHER GEWUSST WEIL DIE WOLKEN SO AUSSAHEN. ICH HABE {few} REGENWÜRMER GERETTET 🪱🪱. WANN KOMMST DU AUS {city}\n\nADA",
            "me: Liebe Ada, ich bin am {tag} wieder da. Du bist die beste Wetterforscherin, die ich kenne. Grüß die Regenwürmer. 🌧️\n\nMama",
        ],
    )
    .label("Family")
    .weight(2),
];

/// What Gmail puts aside.
pub const JUNK: &[Scene] = &[
    Scene::address(
        "Prince of Weather <rich@cloud-gold.example>",
        "URGENT: {many} barrels of premium rain",
        &[
            "Dear beloved, I am the prince of a very dry country and own {many} barrels of rain. Send {amount} USD and receive {pct} %.",
        ],
    ),
    Scene::address(
        "Winner Department <claim@winner-now.example>",
        "You have won a boat (again)",
        &["Congratulations. Your boat {parcel} waits in {city}. Click quickly, it is raining in."],
    ),
];
