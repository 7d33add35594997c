"""Debtors' files: looked at, taken at once when small, in the background when large (spec 3.2)."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, BinaryIO
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, StringConstraints, TypeAdapter, ValidationError
from pydantic import Field as JsonField
from pydantic.config import JsonDict
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from domain.documents import mask_document
from domain.masking import mask_phone
from domain.target_columns import Field
from domain.target_lines import NewTarget
from jobs.ingest import make_intake
from server.api.voice.import_texts import file_message, line_message
from server.api.wire import Given, Limit, Offset, Page, Text
from server.auth import ProcessDeps, ReadsCampaigns, WritesCampaigns
from server.errors import Answer, error_response, request_id_of
from server.languages import Language, language_of
from services import campaigns, import_progress
from services.import_preview import PREVIEW_ROWS, Preview, preview_file
from services.spreadsheets import FileRefused
from store.imports import ImportRow, ImportStatus, LineError

router = APIRouter(tags=["imports"])

_HEADING = 1  # line of the file: a caller counts debtors
_MOST_ERRORS = 1_000
_PREVIEW_ERRORS = 100
_MAPPING_BYTES = 16 * 1024
_Header = Annotated[Text, StringConstraints(min_length=1, max_length=200)]
_MAPPING: TypeAdapter[dict[Field, str]] = TypeAdapter(dict[Field, _Header])
_CODES: Mapping[int, str] = {413: "file_too_large", 415: "file_unsupported", 422: "file_refused"}

_FORM: JsonDict = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "CSV or XLSX"},
                        "mapping": {
                            "type": "string",
                            "description": (
                                "JSON: our field -> header of the file, for columns that are not found by themselves. "
                                f"Fields: {', '.join(field.value for field in Field)}"
                            ),
                            "example": '{"debtAmount": "Saldo atualizado"}',
                        },
                    },
                }
            }
        },
    },
}
_IMPORT_EXAMPLE: JsonDict = {
    "id": "5f0c3e0e-6a3c-4d2f-9a76-0c1d2e3f4a5b",
    "campaignId": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
    "fileName": "vencidos.csv",
    "fileKind": "csv",
    "sizeBytes": 8123456,
    "status": "running",
    "failure": None,
    "note": None,
    "totalLines": 100000,
    "processedLines": 42000,
    "imported": 41800,
    "rejected": 150,
    "duplicates": 50,
    "rowsPerSecond": 9800.5,
    "etaSeconds": 5.9,
    "createdAt": "2026-11-20T14:00:00Z",
    "startedAt": "2026-11-20T14:00:01Z",
    "finishedAt": None,
}


class SkippedLine(Given):
    """A line that was not taken. What it said is not repeated: it is personal data."""

    line: int = JsonField(description="Its number in the file, the header included")
    field: str | None
    reason: str = JsonField(description="A stable code", examples=["document_invalid"])
    message: str = JsonField(description="The reason in the caller's language")

    @classmethod
    def of(cls, error: LineError, language: Language) -> "SkippedLine":
        return cls(
            line=error.line, field=error.field, reason=error.reason, message=line_message(error.reason, language)
        )


class Failure(Given):
    """Why an import did not come to its end. What was taken before stays."""

    reason: str
    line: int | None
    message: str

    @classmethod
    def of(cls, failure: str, language: Language) -> "Failure":
        reason, line, names = f"{failure}::".split(":", 2)
        number, named = int(line) if line else None, names.rstrip(":")
        return cls(
            reason=reason, line=number, message=file_message(reason, language, line=number, names=(named,)),
        )  # fmt: skip


class Import(Given):
    """An import and how far it is. imported + rejected + duplicates are the lines read that were not empty."""

    model_config = ConfigDict(json_schema_extra={"examples": [_IMPORT_EXAMPLE]})

    id: UUID
    campaign_id: UUID
    file_name: str
    file_kind: str
    size_bytes: int
    status: ImportStatus
    failure: Failure | None
    note: str | None
    total_lines: int | None = JsonField(description="Without the heading; until the end it may be an estimate")
    processed_lines: int
    imported: int
    rejected: int
    duplicates: int
    rows_per_second: float | None
    eta_seconds: float | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, row: ImportRow, language: Language, now: datetime) -> "Import":
        rate, remaining = import_progress.lines_per_second(row, now), import_progress.remaining_seconds(row, now)
        return cls(
            id=row.id, campaign_id=row.campaign_id, file_name=row.file_name, file_kind=row.file_kind,
            size_bytes=row.size_bytes, status=row.status,
            failure=Failure.of(row.failure, language) if row.failure else None, note=_note(row, language),
            total_lines=None if row.total_lines is None else max(row.total_lines - _HEADING, 0),
            processed_lines=max(row.next_line - 1 - _HEADING, 0), imported=row.imported,
            rejected=row.rejected, duplicates=row.duplicates,
            rows_per_second=None if rate is None else round(rate, 1),
            eta_seconds=None if remaining is None else round(remaining, 1), created_at=row.created_at,
            started_at=row.started_at, finished_at=row.finished_at,
        )  # fmt: skip


def _note(row: ImportRow, language: Language) -> str | None:
    if row.status not in ("canceled", "failed") or not row.imported:
        return None
    if language is Language.PORTUGUESE:
        return f"O que já tinha sido importado ({row.imported}) permanece na campanha"
    return f"What had been imported already ({row.imported}) stays in the campaign"


class Imported(Given):
    """What became of a file: all of it when it was small, else the id to ask with."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "importId": "5f0c3e0e-6a3c-4d2f-9a76-0c1d2e3f4a5b",
                    "status": "completed",
                    "imported": 2,
                    "duplicates": 0,
                    "rejected": 1,
                    "errors": [
                        {
                            "line": 4,
                            "field": "clientDocument",
                            "reason": "document_invalid",
                            "message": "This is no valid CPF or CNPJ",
                        }
                    ],
                }
            ]
        }
    )

    import_id: UUID
    status: ImportStatus
    imported: int
    duplicates: int
    rejected: int
    errors: Sequence[SkippedLine] = JsonField(description="The first 1,000; all of them by /imports/{id}/errors")


class PreviewColumn(Given):
    header: str
    field: Field | None = JsonField(description="What it is read as; null: it is left out")


class PreviewLine(Given):
    line: int
    client_name: str
    phone_number: str
    client_document: str
    debt_cents: int
    installation_point: str | None
    invoice_number: str | None
    due_date: date | None
    uf: str | None
    priority: int

    @classmethod
    def of(cls, line: int, target: NewTarget) -> "PreviewLine":
        return cls(
            line=line, client_name=target.client_name, phone_number=mask_phone(target.phone),
            client_document=mask_document(target.document), debt_cents=target.debt_cents,
            installation_point=target.installation_point, invoice_number=target.invoice_number,
            due_date=target.due_on, uf=target.uf, priority=target.priority,
        )  # fmt: skip


class FilePreview(Given):
    """What a file would be read as. Nothing of it was imported."""

    kind: str
    encoding: str | None
    delimiter: str | None
    sheet: str | None
    decimal_mark: str = JsonField(description="What parts reais from cents in the column of amounts")
    columns: Sequence[PreviewColumn]
    unmapped: Sequence[str] = JsonField(description="Headers that mean nothing to us")
    missing: Sequence[Field] = JsonField(description="Required fields without a column: with one of these no import")
    lines_looked_at: int
    rows: Sequence[PreviewLine] = JsonField(description="The first 20 that can be taken, documents and phones masked")
    errors: Sequence[SkippedLine] = JsonField(description="The first 100 of the lines looked at")

    @classmethod
    def of(cls, preview: Preview, language: Language) -> "FilePreview":
        fields = {place: field for field, place in preview.columns.places.items()}
        columns = [
            PreviewColumn(header=header, field=fields.get(place))
            for place, header in enumerate(preview.columns.headers)
        ]
        facts = preview.facts
        return cls(
            kind=facts.kind.value, encoding=facts.encoding, delimiter=facts.delimiter, sheet=facts.sheet,
            decimal_mark=preview.decimal_mark, columns=columns,
            unmapped=[column.header for column in columns if column.field is None],
            missing=list(preview.columns.missing), lines_looked_at=preview.looked_at,
            rows=[PreviewLine.of(number, target) for number, target in preview.targets[:PREVIEW_ROWS]],
            errors=[SkippedLine.of(error, language) for error in preview.errors[:_PREVIEW_ERRORS]],
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class _Upload:
    file: BinaryIO
    name: str
    size: int
    wanted: Mapping[Field, str]


@asynccontextmanager
async def _uploaded(request: Request) -> AsyncIterator[_Upload]:
    """Read the form, after the caller was checked; the file lies on disk beyond its first megabyte."""
    sent_as = request.headers.get("content-type", "").lower()
    if not sent_as or sent_as.startswith("application/x-www-form-urlencoded"):
        raise _unfit("file", "missing", "Field required")
    if not sent_as.startswith("multipart/form-data"):
        raise HTTPException(415)
    async with request.form(max_files=1, max_fields=1, max_part_size=_MAPPING_BYTES) as form:
        upload, mapping = form.get("file"), form.get("mapping")
        if not isinstance(upload, UploadFile):
            raise _unfit("file", "missing", "Field required")
        yield _Upload(
            file=upload.file, name=upload.filename or "", size=upload.size or 0,
            wanted=_read_mapping(mapping),
        )  # fmt: skip


def _read_mapping(sent: object) -> Mapping[Field, str]:
    if sent is None or sent == "":
        return {}
    if not isinstance(sent, str):
        raise _unfit("mapping", "string_type", "Input should be a valid string")
    try:
        return _MAPPING.validate_json(sent)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        raise RequestValidationError([{**item, "loc": ("body", "mapping", *item["loc"])} for item in errors]) from None


def _unfit(field: str, kind: str, message: str) -> RequestValidationError:
    return RequestValidationError([{"type": kind, "loc": ("body", field), "msg": message, "input": None}])


def _refused(request: Request, refused: FileRefused) -> JSONResponse:
    """Answer a file that is not read: the reason's code, and the reason in words."""
    language = language_of(request)
    message = file_message(refused.reason, language, line=refused.line, names=refused.names)
    return error_response(
        Answer(status=refused.status, code=_CODES[refused.status]), request_id_of(request), message=message,
        details=[{"field": "file", "problem": refused.reason}], language=language,
    )  # fmt: skip


@router.post(
    "/campaigns/{campaign_id}/targets/import",
    summary="Import debtors from a CSV or XLSX file",
    description=(
        "Up to 2,000 lines and 1 MiB are taken at once (200); a larger file is queued (202), and what is wrong with it "
        "as a whole may be told only by GET /imports/{id}. A line that cannot be "
        "taken is reported with its number and reason and keeps no other line back; who is in the campaign already is "
        "reported as a duplicate, so a file may be sent again."
    ),
    response_model=Imported,
    responses={202: {"model": Imported}, 413: {}, 415: {}},
    openapi_extra=_FORM,
)
async def import_targets(
    request: Request, deps: ProcessDeps, caller: WritesCampaigns, campaign_id: UUID
) -> JSONResponse:
    language = language_of(request)
    async with _uploaded(request) as upload:
        try:
            row = await make_intake(deps).receive(
                caller.tenant_id, campaign_id, upload.file, file_name=upload.name, size=upload.size,
                wanted=upload.wanted,
            )  # fmt: skip
        except FileRefused as refused:
            return _refused(request, refused)
    errors: list[LineError] = []
    if row.has_ended:
        errors, _ = await import_progress.list_errors(
            deps.database, caller.tenant_id, row.id, limit=_MOST_ERRORS, offset=0
        )
    else:
        await deps.queue.ring("ingest")
    answer = Imported(
        import_id=row.id, status=row.status, imported=row.imported, duplicates=row.duplicates, rejected=row.rejected,
        errors=[SkippedLine.of(error, language) for error in errors],
    )  # fmt: skip
    return JSONResponse(answer.model_dump(mode="json", by_alias=True), status_code=200 if row.has_ended else 202)


@router.post(
    "/campaigns/{campaign_id}/targets/preview",
    summary="See what a file would be read as, without importing it",
    response_model=FilePreview,
    responses={413: {}, 415: {}},
    openapi_extra=_FORM,
)
async def preview_targets(
    request: Request, deps: ProcessDeps, caller: WritesCampaigns, campaign_id: UUID
) -> FilePreview | JSONResponse:
    await campaigns.get_campaign(deps.database, caller.tenant_id, campaign_id)
    async with _uploaded(request) as upload:
        try:
            preview = await asyncio.to_thread(preview_file, upload.file, upload.wanted)
        except FileRefused as refused:
            return _refused(request, refused)
    return FilePreview.of(preview, language_of(request))


@router.get("/campaigns/{campaign_id}/imports", summary="List a campaign's imports, newest first")
async def list_imports(
    request: Request, deps: ProcessDeps, caller: ReadsCampaigns, campaign_id: UUID, limit: Limit = 50,
    offset: Offset = 0,
) -> Page[Import]:  # fmt: skip
    rows, total = await import_progress.list_imports(
        deps.database, caller.tenant_id, campaign_id, limit=limit, offset=offset
    )
    language, now = language_of(request), deps.clock.now()
    return Page(items=[Import.of(row, language, now) for row in rows], total=total, limit=limit, offset=offset)


@router.get("/imports/{import_id}", summary="See how far an import is")
async def get_import(request: Request, deps: ProcessDeps, caller: ReadsCampaigns, import_id: UUID) -> Import:
    row = await make_intake(deps).read(caller.tenant_id, import_id)
    return Import.of(row, language_of(request), deps.clock.now())


@router.get("/imports/{import_id}/errors", summary="List the lines that were not taken, and why")
async def list_import_errors(
    request: Request, deps: ProcessDeps, caller: ReadsCampaigns, import_id: UUID, limit: Limit = 50,
    offset: Offset = 0,
) -> Page[SkippedLine]:  # fmt: skip
    errors, total = await import_progress.list_errors(
        deps.database, caller.tenant_id, import_id, limit=limit, offset=offset
    )
    language = language_of(request)
    return Page(items=[SkippedLine.of(error, language) for error in errors], total=total, limit=limit, offset=offset)


@router.delete("/imports/{import_id}", summary="Stop an import; what it has taken stays in the campaign")
async def cancel_import(request: Request, deps: ProcessDeps, caller: WritesCampaigns, import_id: UUID) -> Import:
    row = await make_intake(deps).cancel(caller.tenant_id, import_id)
    return Import.of(row, language_of(request), deps.clock.now())
