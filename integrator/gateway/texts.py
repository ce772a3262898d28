"""What error answers say, in French, Dutch, German and English. English is the reference.

Titles by problem type, details by reason token, or by category where a reason has no text of its
own. No text has a place for a value: errors never repeat what was sent.
"""

from __future__ import annotations

LANGUAGES = ("fr", "nl", "de", "en")

TITLES: dict[str, tuple[str, str, str, str]] = {
    "badRequest": ("Requête incorrecte", "Ongeldig verzoek", "Ungültige Anfrage", "Bad Request"),
    "noAccessToken": ("Identification absente", "Geen identificatie", "Keine Anmeldung", "No Access Token"),
    "invalidAccessToken": (
        "Identification non valable",
        "Ongeldige identificatie",
        "Ungültige Anmeldung",
        "Invalid Access Token",
    ),
    "expiredAccessToken": (
        "Identification expirée",
        "Verlopen identificatie",
        "Abgelaufene Anmeldung",
        "Expired Access Token",
    ),
    "missingPermission": (
        "Autorisation absente",
        "Geen machtiging",
        "Fehlende Berechtigung",
        "Missing Permission",
    ),
    "resourceNotFound": ("Introuvable", "Niet gevonden", "Nicht gefunden", "Resource Not Found"),
    "methodNotAllowed": (
        "Méthode non permise",
        "Methode niet toegestaan",
        "Methode nicht erlaubt",
        "Method Not Allowed",
    ),
    "requestTimeout": ("Requête trop lente", "Verzoek te traag", "Anfrage zu langsam", "Request Timeout"),
    "conflict": ("Conflit", "Conflict", "Konflikt", "Conflict"),
    "payloadTooLarge": ("Message trop grand", "Bericht te groot", "Nachricht zu gross", "Payload Too Large"),
    "unsupportedMediaType": (
        "Format non accepté",
        "Formaat niet aanvaard",
        "Format nicht angenommen",
        "Unsupported Media Type",
    ),
    "unprocessable": ("Inutilisable", "Onbruikbaar", "Nicht verwertbar", "Unprocessable Content"),
    "tooManyRequests": ("Trop de requêtes", "Te veel verzoeken", "Zu viele Anfragen", "Too Many Requests"),
    "internalServerError": (
        "Erreur interne",
        "Interne fout",
        "Interner Fehler",
        "Internal Server Error",
    ),
    "badGateway": (
        "Erreur de la source",
        "Fout bij de bron",
        "Fehler der Quelle",
        "Bad Gateway",
    ),
    "serviceUnavailable": (
        "Service indisponible",
        "Dienst niet beschikbaar",
        "Dienst nicht verfügbar",
        "Service Unavailable",
    ),
    "gatewayTimeout": (
        "La source ne répond pas",
        "De bron antwoordt niet",
        "Die Quelle antwortet nicht",
        "Gateway Timeout",
    ),
}

CATEGORIES: dict[str, tuple[str, str, str, str]] = {
    "invalid-request": (
        "La requête ne respecte pas son contrat : corrigez-la et renvoyez-la.",
        "Het verzoek voldoet niet aan zijn contract: verbeter het en stuur het opnieuw.",
        "Die Anfrage entspricht nicht ihrem Vertrag: Berichtigen Sie sie und senden Sie sie erneut.",
        "The request breaks its contract: correct it and send it again.",
    ),
    "not-authenticated": (
        "Envoyez une clé d'API ou un certificat valable.",
        "Stuur een geldige API-sleutel of een geldig certificaat.",
        "Senden Sie einen gültigen API-Schlüssel oder ein gültiges Zertifikat.",
        "Send a valid API key or client certificate.",
    ),
    "refused": (
        "Cet échange n'est pas autorisé.",
        "Deze uitwisseling is niet toegestaan.",
        "Dieser Austausch ist nicht erlaubt.",
        "This exchange is not allowed.",
    ),
    "no-data": (
        "La source n'a pas de données pour cette demande.",
        "De bron heeft geen gegevens voor deze vraag.",
        "Die Quelle hat keine Daten zu dieser Anfrage.",
        "The source holds no data for this request.",
    ),
    "overloaded": (
        "Trop d'échanges sont en cours : réessayez plus tard.",
        "Er lopen te veel uitwisselingen: probeer later opnieuw.",
        "Zu viele Vorgänge sind im Gang: Versuchen Sie es später erneut.",
        "Too many exchanges are under way: try again later.",
    ),
    "not-recorded": (
        "Le journal ne peut pas être écrit : rien n'a été transmis. Réessayez plus tard.",
        "Het logboek kan niet geschreven worden: er is niets doorgestuurd. Probeer later opnieuw.",
        "Das Journal kann nicht geschrieben werden: Nichts wurde weitergeleitet. Versuchen Sie es später.",
        "The journal cannot be written: nothing was forwarded. Try again later.",
    ),
    "provider-timeout": (
        "La source n'a pas répondu à temps : réessayez plus tard.",
        "De bron antwoordde niet op tijd: probeer later opnieuw.",
        "Die Quelle hat nicht rechtzeitig geantwortet: Versuchen Sie es später erneut.",
        "The source did not answer in time: try again later.",
    ),
    "provider-unreachable": (
        "La source n'est pas joignable : réessayez plus tard.",
        "De bron is niet bereikbaar: probeer later opnieuw.",
        "Die Quelle ist nicht erreichbar: Versuchen Sie es später erneut.",
        "The source cannot be reached: try again later.",
    ),
    "broken-contract": (
        "La réponse de la source ne respecte pas son contrat ; elle n'est pas transmise.",
        "Het antwoord van de bron voldoet niet aan zijn contract; het wordt niet doorgegeven.",
        "Die Antwort der Quelle entspricht nicht ihrem Vertrag; sie wird nicht weitergegeben.",
        "The source's answer breaks its contract; it is not released.",
    ),
    "provider-fault": (
        "La source a répondu par une erreur.",
        "De bron antwoordde met een fout.",
        "Die Quelle hat mit einem Fehler geantwortet.",
        "The source answered with an error.",
    ),
    "internal": (
        "Le bus a rencontré une erreur ; l'identifiant de l'échange permet de la retrouver.",
        "De bus kreeg een fout; met het nummer van de uitwisseling is ze terug te vinden.",
        "Im Bus trat ein Fehler auf; die Kennung des Austauschs macht ihn auffindbar.",
        "The bus failed inside; the exchange id finds it in the logs.",
    ),
}

REASONS: dict[str, tuple[str, str, str, str]] = {
    "credentials-missing": (
        "Aucune identification : envoyez une clé d'API ou un certificat enregistré.",
        "Geen identificatie: stuur een API-sleutel of een geregistreerd certificaat.",
        "Keine Anmeldung: Senden Sie einen API-Schlüssel oder ein registriertes Zertifikat.",
        "No credentials: send an API key or a registered client certificate.",
    ),
    "credentials-invalid": (
        "Cette identification n'est pas valable.",
        "Deze identificatie is niet geldig.",
        "Diese Anmeldung ist nicht gültig.",
        "These credentials are not valid.",
    ),
    "credentials-expired": (
        "Cette clé d'API est révoquée ou expirée : demandez-en une nouvelle.",
        "Deze API-sleutel is ingetrokken of verlopen: vraag een nieuwe.",
        "Dieser API-Schlüssel ist widerrufen oder abgelaufen: Beantragen Sie einen neuen.",
        "This API key is revoked or has expired: ask for a new one.",
    ),
    "credentials-disagree": (
        "La clé d'API et le certificat ne sont pas de la même organisation.",
        "De API-sleutel en het certificaat zijn niet van dezelfde organisatie.",
        "API-Schlüssel und Zertifikat gehören nicht derselben Organisation.",
        "The API key and the client certificate are not of one organisation.",
    ),
    "no-grant": (
        "Votre organisation n'a pas d'autorisation pour ce flux : adressez-vous à son propriétaire.",
        "Uw organisatie heeft geen machtiging voor deze stroom: richt u tot de eigenaar.",
        "Ihre Organisation hat keine Berechtigung für diesen Datenfluss: Wenden Sie sich an den Eigner.",
        "Your organisation has no grant for this flow: ask its owner.",
    ),
    "purpose-missing": (
        "Indiquez la finalité de la demande (Integrator-Purpose).",
        "Vermeld de finaliteit van het verzoek (Integrator-Purpose).",
        "Nennen Sie den Zweck der Anfrage (Integrator-Purpose).",
        "Say for which purpose you ask (Integrator-Purpose).",
    ),
    "purpose-not-granted": (
        "Votre organisation n'a pas d'autorisation pour ce flux et cette finalité.",
        "Uw organisatie heeft geen machtiging voor deze stroom en deze finaliteit.",
        "Ihre Organisation hat keine Berechtigung für diesen Datenfluss und diesen Zweck.",
        "Your organisation has no grant for this flow and purpose.",
    ),
    "entry-not-granted": (
        "L'autorisation ne couvre pas ce type d'accès.",
        "De machtiging geldt niet voor dit soort toegang.",
        "Die Berechtigung gilt nicht für diese Art des Zugangs.",
        "The grant does not cover this kind of entry.",
    ),
    "grant-not-valid": (
        "L'autorisation n'est pas valable aujourd'hui.",
        "De machtiging is vandaag niet geldig.",
        "Die Berechtigung ist heute nicht gültig.",
        "The grant is not valid today.",
    ),
    "dossier-missing": (
        "Indiquez le dossier ou l'inscription qui justifie l'échange (Integrator-Dossier).",
        "Vermeld het dossier of de inschrijving die de uitwisseling rechtvaardigt (Integrator-Dossier).",
        "Nennen Sie die Akte oder Inskription, die den Austausch rechtfertigt (Integrator-Dossier).",
        "Name the dossier or inscription that justifies the exchange (Integrator-Dossier).",
    ),
    "dossier-void": (
        "Ce dossier est une valeur vide : indiquez le dossier réel.",
        "Dit dossier is een lege waarde: vermeld het echte dossier.",
        "Diese Akte ist ein leerer Wert: Nennen Sie die wirkliche Akte.",
        "This dossier is an empty value: name the real one.",
    ),
    "dossier-source": (
        "Le système d'origine du dossier n'est pas admis pour cette finalité.",
        "Het bronsysteem van het dossier is niet toegelaten voor deze finaliteit.",
        "Das Herkunftssystem der Akte ist für diesen Zweck nicht zugelassen.",
        "The system that keeps the dossier is not admitted for this purpose.",
    ),
    "dossier-pattern": (
        "L'identifiant du dossier n'a pas la forme attendue.",
        "Het dossiernummer heeft niet de verwachte vorm.",
        "Die Aktennummer hat nicht die erwartete Form.",
        "The dossier's id has not the expected form.",
    ),
    "agent-missing": (
        "Indiquez l'agent pour qui la demande est faite (Integrator-Agent).",
        "Vermeld de ambtenaar voor wie het verzoek gebeurt (Integrator-Agent).",
        "Nennen Sie den Bediensteten, für den die Anfrage erfolgt (Integrator-Agent).",
        "Name the civil servant on whose behalf you ask (Integrator-Agent).",
    ),
    "on-behalf-of-not-allowed": (
        "Votre organisation ne peut pas agir pour cette organisation.",
        "Uw organisatie mag niet voor deze organisatie handelen.",
        "Ihre Organisation darf nicht für diese Organisation handeln.",
        "Your organisation may not act for that organisation.",
    ),
    "organisation-mismatch": (
        "L'organisation du message n'est pas celle de l'identification.",
        "De organisatie in het bericht is niet die van de identificatie.",
        "Die Organisation der Nachricht ist nicht die der Anmeldung.",
        "The organisation in the message is not the one of the credentials.",
    ),
    "quota-exceeded": (
        "Le quota de cette autorisation est épuisé : attendez (Retry-After).",
        "Het quotum van deze machtiging is opgebruikt: wacht (Retry-After).",
        "Das Kontingent dieser Berechtigung ist aufgebraucht: Warten Sie (Retry-After).",
        "The quota of this grant is used up: wait (Retry-After).",
    ),
    "subject-invalid": (
        "Un numéro national ou d'entreprise n'est pas valable.",
        "Een rijksregister- of ondernemingsnummer is niet geldig.",
        "Eine National- oder Unternehmensnummer ist nicht gültig.",
        "A national or enterprise number is not valid.",
    ),
    "subject-missing": (
        "La réponse ne dit pas de qui il s'agit ; elle n'est pas transmise.",
        "Het antwoord zegt niet over wie het gaat; het wordt niet doorgegeven.",
        "Die Antwort sagt nicht, um wen es geht; sie wird nicht weitergegeben.",
        "The answer does not say whom it is about; it is not released.",
    ),
    "outcome-unknown": (
        "Le résultat n'a pas pu être inscrit au journal. Ne répétez pas ; consultez l'état de l'échange.",
        "Het resultaat kon niet in het logboek geschreven worden. Herhaal niet; raadpleeg de status.",
        "Das Ergebnis konnte nicht im Journal vermerkt werden. Nicht wiederholen; Status abfragen.",
        "The outcome could not be recorded. Do not repeat; ask for the status of the exchange.",
    ),
    "idempotency-body": (
        "Cette Idempotency-Key a déjà servi pour un autre message.",
        "Deze Idempotency-Key diende al voor een ander bericht.",
        "Dieser Idempotency-Key gehört schon zu einer anderen Nachricht.",
        "This Idempotency-Key was already used for another message.",
    ),
    "idempotency-in-progress": (
        "Un message avec cette Idempotency-Key est en cours : réessayez plus tard.",
        "Een bericht met deze Idempotency-Key is bezig: probeer later opnieuw.",
        "Eine Nachricht mit diesem Idempotency-Key ist in Arbeit: Versuchen Sie es später.",
        "A message with this Idempotency-Key is in progress: try again later.",
    ),
    "idempotency-not-here": (
        "Ce flux ne prend pas d'Idempotency-Key : retirez l'en-tête.",
        "Deze stroom neemt geen Idempotency-Key: verwijder de header.",
        "Dieser Datenfluss nimmt keinen Idempotency-Key: Entfernen Sie ihn.",
        "This flow takes no Idempotency-Key: remove the header.",
    ),
    "exchange-unknown": (
        "Votre organisation n'a pas d'échange de ce numéro.",
        "Uw organisatie heeft geen uitwisseling met dit nummer.",
        "Ihre Organisation hat keinen Austausch mit dieser Kennung.",
        "Your organisation has no exchange of this id.",
    ),
    "witness-silent": (
        "Les témoins du journal se taisent depuis trop longtemps : rien n'a été transmis. Réessayez plus tard.",
        "De getuigen van het logboek zwijgen te lang: er is niets doorgestuurd. Probeer later opnieuw.",
        "Die Zeugen des Journals schweigen zu lange: Nichts wurde weitergeleitet. Versuchen Sie es später.",
        "The journal's witnesses have been silent for too long: nothing was forwarded. Try again later.",
    ),
    "receipt-not-yet": (
        "La fin de cet échange n'est pas encore dans le journal publié. Réessayez dans une seconde.",
        "Het einde van deze uitwisseling staat nog niet in het gepubliceerde journaal. Probeer over een seconde.",
        "Das Ende dieses Austauschs steht noch nicht im veröffentlichten Journal. Bitte in einer Sekunde erneut.",
        "The end of this exchange is not in the published log yet. Ask again in a second.",
    ),
    "log-closed": (
        "Cette partie du journal est réservée aux auditeurs.",
        "Dit deel van het journaal is voorbehouden aan auditors.",
        "Dieser Teil des Journals ist Prüfern vorbehalten.",
        "This part of the log is for auditors.",
    ),
    "path-unknown": (
        "Il n'y a rien à cette adresse.",
        "Er is niets op dit adres.",
        "Unter dieser Adresse gibt es nichts.",
        "There is nothing at this address.",
    ),
    "method": (
        "Cette adresse n'accepte pas cette méthode (voir Allow).",
        "Dit adres aanvaardt deze methode niet (zie Allow).",
        "Diese Adresse nimmt diese Methode nicht an (siehe Allow).",
        "This address does not accept this method (see Allow).",
    ),
}


def title(problem_type: str, language: str) -> str:
    """The title of a problem type in a language of LANGUAGES."""
    return TITLES[problem_type][LANGUAGES.index(language)]


def detail(reason: str, category: str, language: str) -> str:
    """What went wrong and what to do, by reason, else by category."""
    texts = REASONS.get(reason) or CATEGORIES[category]
    return texts[LANGUAGES.index(language)]


def best_language(accepted: str | None, default: str) -> str:
    """The language of an Accept-Language value that answers can have, the most wanted first."""
    best, best_weight = default, 0.0
    for part in (accepted or "").split(",")[:16]:
        name, _, parameters = part.strip().partition(";")
        language = name.strip()[:2].lower()
        weight = _weight(parameters)
        if language in LANGUAGES and weight > best_weight:
            best, best_weight = language, weight
    return best


def _weight(parameters: str) -> float:
    text = parameters.strip().removeprefix("q=")
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0
