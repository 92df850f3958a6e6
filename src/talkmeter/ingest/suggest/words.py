"""Names of columns and words for results in several languages. Names are compared without spaces, signs and case."""

import re
from typing import Final, Literal

Role = Literal["id", "start", "answered", "end", "duration", "status", "direction", "agent_id", "agent_number"]

_NOT_LETTERS: Final = re.compile(r"[\W_]+")

_NAMES: Final[dict[Role, str]] = {
    "id": """
        call id|call sid|sid|unique id|uuid|call uuid|contact id|conversation id|session id|call reference|reference|ref
        |record id|call number id|cdr id|id|anruf id|gesprächs id|vorgangsnummer|identifiant|id appel|id llamada
        |identificador|id chiamata|id chamada|gespreks id|通话id""",
    "start": """
        start time|started at|start date|date started|start|start stamp|start timestamp|call start|initiation timestamp
        |created at|date created|call date|date time|date time utc|timestamp|call time|start epoch|began|begin|time|date
        |beginn|startzeit|anrufbeginn|anrufzeit|datum uhrzeit|zeitpunkt|datum|début|date début|heure début|date heure
        |date de début|heure de début|inicio|fecha inicio|fecha de inicio|hora inicio|fecha hora|fecha y hora|fecha
        |data inizio|inizio|ora inizio|data e ora|início|data início|data hora|data|starttijd|begintijd|开始时间""",
    "answered": """
        answered at|answer time|answer stamp|answer|answered|date connected|connected at|connect time
        |agent connected to agent timestamp|connected to agent timestamp|angenommen um|annahmezeit|heure de réponse
        |hora respuesta|ora risposta|接听时间""",
    "end": """
        end time|ended at|end date|date ended|end|end stamp|end timestamp|disconnect timestamp|hangup time|call end
        |completed at|end epoch|ende|endzeit|anrufende|fin|date fin|heure fin|date de fin|heure de fin|fecha fin
        |fecha de fin|hora fin|fine|data fine|ora fine|término|data fim|fim|eindtijd|结束时间""",
    "duration": """
        bill sec|talk time|talk sec|talk duration|in call duration|call duration|duration seconds|duration secs
        |duration sec|duration ms|duration milliseconds|call duration seconds|duration minutes|duration min|duration
        |call length|length|seconds|secs|minutes|gesprächsdauer|anrufdauer|dauer|dauer min|dauer sek|dauer sekunden
        |dauer minuten|durée|durée appel|durée s|durée sec|durée secondes|duración|duración s|duración seg
        |duración segundos|durata|durata s|duração|duração s|duur|gespreksduur|通话时长|时长""",
    "status": """
        call status|disposition|status|call result|result|action result|outcome|call outcome|state|ended reason
        |hangup cause|disconnect reason|disconnection reason|ergebnis|anrufstatus|statut|résultat|estado|resultado|stato
        |esito|situação|uitkomst|状态""",
    "direction": """
        direction|call direction|initiation method|call type|richtung|anrufrichtung|sens|type appel|dirección|sentido
        |direzione|direção|richting|方向""",
    "agent_id": """
        agent id|assistant id|agent|agent name|assistant name|agent username|user id|user name|user|extension|operator
        |mitarbeiter|bearbeiter|nebenstelle|collaborateur|utilisateur|agente|usuario|operatore|utente|atendente
        |medewerker""",
    "agent_number": """
        did|line|agent number|business number|tracking number|our number|phone line|did number|leitung|ligne|línea
        |linea|linha|lijn""",
}
ROLES: Final[dict[Role, tuple[str, ...]]] = {
    role: tuple(dict.fromkeys(_NOT_LETTERS.sub("", name.lower()) for name in names.split("|")))
    for role, names in _NAMES.items()
}
"""The names of columns, plain, the clearest first."""

UNCLEAR_NAMES: Final = frozenset({"date", "data", "datum", "fecha", "time", "id", "user", "type", "calltype", "line"})
"""Names that are used for several things."""

_STATUS_WORDS: Final = {
    "completed": """
        completed|complete|answered|ok|success|successful|connected|call connected|accepted|normal clearing
        |customer ended call|assistant ended call|user hangup|agent hangup|customer disconnect|agent disconnect
        |beantwortet|angenommen|erfolgreich|erledigt|répondu|décroché|abouti|contestada|atendida|completada|risposta
        |completata|concluída|beantwoord|已接听""",
    "unanswered": """
        no answer|not answered|unanswered|missed|busy|abandoned|dial no answer|dial busy|customer did not answer
        |customer busy|user busy|hang up|verpasst|nicht angenommen|unbeantwortet|besetzt|keine antwort|manqué|occupé
        |non répondu|perdida|ocupado|no contestada|sin respuesta|persa|occupato|non risposta|não atendida|gemist|bezet
        |未接听""",
    "failed": """
        failed|failure|error|congestion|dial failed|call failed|fehlgeschlagen|fehler|échec|fallida|fallita|falha""",
    "cancelled": "canceled|cancelled|abgebrochen|storniert|annulé|cancelada|annullata|geannuleerd|originator cancel",
    "transferred": "transferred|call transferred|call transfer|weitergeleitet|transféré|transferida|trasferita",
    "in_progress": "in progress|ongoing|active",
    "ringing": "ringing",
    "triggered": "queued|initiated|registered",
}
_DIRECTION_WORDS: Final = {
    "inbound": """
        inbound|incoming|in|received|inbound call|inbound phone call|from trunk|eingehend|ankommend|entrant|entrante
        |in entrata|recebida|inkomend|呼入""",
    "outbound": """
        outbound|outgoing|out|placed|outbound api|outbound dial|outbound call|outbound phone call|ausgehend|abgehend
        |sortant|saliente|in uscita|realizada|uitgaand|呼出""",
}


_LAYOUTS: Final = {
    "Asterisk": """
        accountcode src dst dcontext clid channel dstchannel lastapp lastdata start answer end duration billsec
        disposition amaflags uniqueid userfield""",
    "FreeSWITCH": """
        caller_id_name caller_id_number destination_number context start_stamp answer_stamp end_stamp duration billsec
        hangup_cause uuid bleg_uuid accountcode read_codec write_codec""",
}
LAYOUTS: Final = tuple(tuple(names.split()) for names in _LAYOUTS.values())
"""The columns of files that have no header."""


def plain(text: str) -> str:
    """Return a name or a word without case, spaces and signs."""
    return _NOT_LETTERS.sub("", text.lower())


def _plain_words(words: dict[str, str]) -> dict[str, str]:
    return {plain(word): value for value, texts in words.items() for word in texts.split("|")}


STATUS_WORDS: Final = _plain_words(_STATUS_WORDS)
DIRECTION_WORDS: Final = _plain_words(_DIRECTION_WORDS)
