//! Mail about the Finch, its makers and its buyers.

use super::mails::Scene;

/// Conversations with the team and with customers and suppliers.
pub const WORK: &[Scene] = &[
    Scene::team(
        "Finch 2: {part} samples are here",
        &[
            "[Hi|Hello|Hey] {to},\n\nthe {part} samples from {supplier} came in [this morning|yesterday|with the late courier]. {n} of 50 are good, the rest have [a burr on the edge|a hairline crack|the wrong shade of grey].\n\n[Photos are in the folder.|I put three bad ones on your desk, wrapped in tissue like evidence.] Shall we [reject the batch|ask for a discount|call them on {day}]?\n\n{from}",
            "me: Thank you, {to}. [Let us reject them|I would rather keep the good ones and pay for those] and ask {supplier} for [new ones by {day}|their measuring report].\n\nMaya",
            "Done, they [apologised and|grumbled, but] promised new parts [by {day}|within ten days|before the holidays].\n\n{from}",
        ],
    )
    .file("{part} measurements.pdf")
    .label("Finch 2"),
    Scene::with(
        "zoe",
        "Barometer drift on units {code}-{n}",
        &[
            "Hi Maya,\n\nI left {few} units in the fridge overnight, next to the yoghurt. Below {degrees} °C the barometer drifts by {few} hPa, which is the difference between \"picnic\" and \"storm\".\n\nI think it is the {part}. [Tomasz can hide it in firmware, but I would rather not.|A thicker gasket would do.]\n\nZoë",
            "me: I would rather not hide it either. How long for the gasket?\n\nMaya",
            "[Two weeks|Ten days|By {day}], if {supplier} answers the phone.\n\nPS: the yoghurt is gone, and nobody admits anything.\n\nZoë",
            "me: It was me. Go ahead with the gasket.",
        ],
    )
    .label("Finch 2"),
    Scene::with(
        "lucia",
        "Quarterly report {quarter}: first draft",
        &[
            "Hola Maya,\n\nhere is the first draft of the quarterly report. Revenue is up {pct} %, mostly {customer} and the spring orders. Open points:\n\n- stock value of the old {part}s\n- travel to {city} is booked twice\n- Søren's lunch in Aarhus (one lunch, {few} people, many oysters)\n\nCould you read it before {day}?\n\nUn abrazo,\nLucía",
            "me: Read it on the train, it is very clear. Page 4 says \"loses\" where I hope it means \"lenses\".\n\nMaya",
            "It means lenses. Corrected, and the board has the quarterly report now.\n\nLucía",
        ],
    )
    .file("Quarterly report {quarter}.pdf")
    .label("Finance")
    .weight(3),
    Scene::with(
        "juergen",
        "Angebot {supplier}: {part}",
        &[
            "Hallo Maya,\n\nanbei das Angebot von {supplier} für {many} Stück ({part}). Der Preis liegt {pct} % unter dem letzten, dafür ist die Lieferzeit [sechs Wochen|zwei Monate|bis nach dem Sommer].\n\nIch würde am {tag} zusagen, wenn du nichts dagegen hast.\n\nGrüße aus Stuttgart\nJürgen",
            "me: Lieber Jürgen, sag gerne zu. Frag bitte noch, ob sie in zwei Teilen liefern können.\n\nMaya",
            "Können sie. Erste Hälfte kommt im {month}.\n\nJürgen",
        ],
    )
    .file("Angebot {invoice}.pdf")
    .label("Suppliers")
    .weight(2),
    Scene::with(
        "amelie",
        "Couleurs pour la Finch 2",
        &[
            "Coucou Maya,\n\nvoici les essais de couleur : ardoise, mousse, abricot et « ciel avant l'orage ». [Zoë préfère ardoise, moi abricot.|L'abricot photographie très bien.] L'atelier de Lyon peut graver le {part} dans toutes les quatre.\n\nTu votes avant {day} ? ✨\n\nAmélie",
            "me: « Ciel avant l'orage », sans hésiter. Et l'abricot pour l'édition limitée !\n\nMaya",
            "Je le savais. Je préviens l'atelier.\n\nA.",
        ],
    )
    .file("couleurs {code}.png")
    .label("Finch 2")
    .html()
    .weight(2),
    Scene::with(
        "tomasz",
        "Firmware {version}: ready for testing",
        &[
            "Hi,\n\n{version} is on the test units. What is new:\n\n- wakes up in [0.4|0.6|0.3] s instead of 2\n- the {part} is read only when it matters, which saves {pct} % battery\n- \"feels like\" no longer says 61 °C in {city}\n\nKnown: the arrow points the wrong way south of the equator. [Do we sell there?|I have ideas.]\n\nPozdrawiam,\nTomasz",
            "me: We do now: {customer} has a friend in Wellington. Please fix the arrow, the rest is wonderful.\n\nMaya",
            "Arrow fixed. Dziękuję for the test report, Zoë!\n\nTomasz",
        ],
    )
    .label("Finch 2")
    .weight(2),
    Scene::with(
        "priya",
        "Support digest, {month} {date}",
        &[
            "Hi Maya,\n\n{n} tickets this week, {few} still open. The odd ones:\n\n1. {customer} asks whether the Finch floats. (It does, upside down.)\n2. A gentleman in {city} would like it to predict [lottery numbers|his wedding day|the mood of his cat].\n3. Three people lost the {part}. I sent new ones.\n\nEverything else is in the board.\n\nPriya",
            "me: Thank you, this is my favourite mail of the week. Please tell the gentleman we are working on it.",
        ],
    )
    .weight(3),
    Scene::with(
        "soren",
        "{customer} wants {many} units",
        &[
            "Hej Maya,\n\ngood call with {customer} [today|just now]. They would take {many} units if we [engrave their logo|deliver in {month}|include the leather case] and come down {pct} %.\n\nI said we would think about it until {day}. They liked that we did not say yes at once.\n\nSøren",
            "me: {pct} % is too much, but the engraving is free if they order before {month}. You have until {day}.\n\nMaya",
            "They signed! 🎉 Contract attached. I owe Amélie a cake, because the engraving did it.\n\nSøren",
        ],
    )
    .file("Contract {customer}.pdf")
    .label("Sales")
    .weight(2),
    Scene::with(
        "ines",
        "Launch page: texts for your eyes",
        &[
            "Olá Maya!\n\nThe launch page has three headlines, please choose:\n\na) A weather station for your coat pocket\nb) Know before the crows do\nc) {weather}? You knew.\n\nPhotos with the {part} come on {day}. [The photographer asks for real rain.|We have one dog too many in picture 4, or one too few.]\n\nBeijinhos,\nInês",
            "me: (b), and please keep the dog.\n\nMaya",
            "Dog stays. Going live at {hour} on {day}.\n\nInês",
        ],
    )
    .label("Press")
    .html(),
    Scene::with(
        "kenji",
        "大阪の工場から / first units from the line",
        &[
            "Maya-san,\n\nお世話になっております。The first {n} units left the line at {hour}. Yield is [91|94|97] %. The {part} fits well now; the operators asked me to say thank you for the drawing with the smiling bird.\n\nNext lot on {day}.\n\n田中",
            "me: Kenji-san, ありがとうございます! Please tell them the bird says hello. How many by the end of {month}?\n\nMaya",
            "{many} by the end of {month}, if the {supplier} parts are on time.\n\n田中",
        ],
    )
    .label("Suppliers"),
    Scene::team(
        "Minutes: {day} meeting",
        &[
            "Hi all,\n\nshort minutes:\n\n- {part}: decision [postponed to {day}|taken, we go with {supplier}]\n- {show}: {from} and Inês go, [the stand is booked|the stand is still a folding table]\n- quarterly report: Lucía needs numbers by {day}\n- kitchen: whoever owns the [blue cheese|mystery jar], please claim it\n\n{from}",
        ],
    )
    .weight(4),
    Scene::team(
        "{show}: who comes along?",
        &[
            "Hi {to},\n\n{show} is in {month}. I can get {few} tickets and a stand [next to the toilets|between the kites and the tents|near the coffee]. Who comes along?\n\n{from}",
            "me: I do, with pleasure. Ask Zoë as well, people believe her when she explains hectopascals.",
            "Booked. Hotel in {city}, the one with the [singing lift|good breakfast].\n\n{from}",
        ],
    )
    .label("Travel"),
    Scene::team(
        "Interview with a candidate on {day}",
        &[
            "Hi {to},\n\non {day} at {hour} we talk to a candidate for the [firmware|support|optics] job. CV attached: built a seismograph out of a washing machine. Could you ask about [teamwork|soldering|her thesis on cloud chambers]?\n\n{from}",
            "me: With a washing machine? I will be there at {hour}.\n\nMaya",
            "She said yes! Starts in {month}.\n\n{from}",
        ],
    )
    .file("CV {code}.pdf"),
    Scene::team(
        "Away in {city} from {day}",
        &[
            "Hi {to},\n\nI am in {city} from {day} on, back [the Monday after|in a week]. [Zoë|Aoife|Noah] has the keys and the {part} drawings. If the big plant looks sad, it is only pretending.\n\n{from}",
        ],
    )
    .weight(2),
    Scene::address(
        "{customer} <office@customers.example>",
        "Question about our order {invoice}",
        &[
            "Dear Kestrel team,\n\nour order {invoice} has arrived, thank you. One of the {n} Finches shows [{weather}|snow] whatever we do. It is [a fine day|June] here in {city}.\n\nWhat should we try?\n\nKind regards,\n{customer}",
            "me: Dear friends at {customer},\n\nplease hold the button for ten seconds and breathe on the {part}. If it still shows {weather}, we will send another one at once.\n\nMaya Okafor, Kestrel Instruments",
            "Breathing helped. The children now all want to do it.\n\nThank you!",
        ],
    )
    .label("Support")
    .weight(3),
    Scene::address(
        "{supplier} <accounts@suppliers.example>",
        "Invoice {invoice}",
        &[
            "Dear customer,\n\nplease find attached our invoice {invoice} of {amount} EUR for the {part} delivery. Payable within [14|30] days.\n\nKind regards,\n{supplier}, accounts",
        ],
    )
    .file("Invoice {invoice}.pdf")
    .label("Invoices")
    .weight(6),
    Scene::address(
        "{supplier} <accounts@suppliers.example>",
        "Reminder: invoice {invoice} is open",
        &[
            "Dear customer,\n\nour invoice {invoice} of {amount} EUR seems to have slipped between two sofa cushions. Could you look?\n\n{supplier}, accounts",
            "me: It had, sorry! Paid today, Lucía has the receipt.\n\nMaya",
        ],
    )
    .label("Invoices"),
    Scene::address(
        "Steuerbüro Kranz <kranz@steuer-kranz.example>",
        "Unterlagen für {month}",
        &[
            "Sehr geehrte Frau Okafor,\n\nfür die Buchhaltung {month} fehlen uns noch {few} Belege, darunter die Rechnung {invoice} über {amount} EUR und eine Quittung, auf der nur „Austern“ steht.\n\nMit freundlichen Grüßen\nElisabeth Kranz",
            "me: Liebe Frau Kranz, die Rechnung hängt an. Die Austern waren ein Geschäftsessen in Aarhus.\n\nMaya Okafor",
        ],
    )
    .file("Beleg {invoice}.pdf")
    .label("Finance"),
    Scene::address(
        "Hélène Caron <h.caron@meteo-mag.example>",
        "Interview pour le magazine {quarter}",
        &[
            "Bonjour Madame Okafor,\n\nnous préparons un dossier sur les petits instruments et la Finch nous a beaucoup plu. Auriez-vous une demi-heure {day} ? Notre question préférée : pourquoi un oiseau ?\n\nBien cordialement,\nHélène Caron",
            "me: Bonjour, avec plaisir, {day} à {hour}. Parce que les oiseaux savent avant nous.\n\nMaya Okafor",
        ],
    )
    .label("Press"),
    Scene::address(
        "Build Bot <noreply@ci.kestrel.example>",
        "ci: firmware {version}, build #{build} [passed|passed|passed|failed]",
        &[
            "Build #{build} of firmware {version}.\n\n{many} tests, {few} skipped. Slowest: [pressure_is_read_in_a_lift|wind_from_the_north_is_cold|rain_is_wet].\n\nView the run: https://ci.kestrel.example/{build}",
        ],
    )
    .label("CATEGORY_UPDATES")
    .html()
    .weight(8),
    Scene::address(
        "Ticket Desk <noreply@desk.kestrel.example>",
        "Ticket {ticket}: {customer}, {part}",
        &[
            "New ticket {ticket}\n\nFrom: {customer}\nSubject: {part}\n\n\"Hello, the {part} [came off in {weather}|makes a noise like a small owl|is more beautiful than we expected, can we have another]?\"\n\nAnswer here: https://desk.kestrel.example/tickets",
        ],
    )
    .label("Support")
    .html()
    .weight(5),
    Scene::address(
        "Calendar <noreply@calendar.example>",
        "Invitation: {part} review, {day} {hour}",
        &[
            "{part} review\nWhen: {day}, {hour} to later\nWhere: the table by the window\nWho: Maya, Zoë, [Jürgen|Tomasz|Amélie]\n\nReply yes, no or perhaps.",
        ],
    )
    .label("CATEGORY_UPDATES")
    .weight(3),
];
