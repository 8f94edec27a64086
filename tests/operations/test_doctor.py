"""The doctor says what is wrong in a line of its own, and only what stops sammed makes it fail."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from backend import doctor
from backend.doctor import Finding, Verdict
from backend.embedded import PrivateServices
from backend.settings import ServiceUrls, Settings


def verdicts(findings: list[Finding]) -> dict[str, Verdict]:
    return {finding.subject: finding.verdict for finding in findings}


def test_services_of_ones_own_that_answer(services_env: ServiceUrls, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path).with_services(services_env)
    found = verdicts(doctor.check_postgres(settings) + doctor.check_redis(settings))
    assert found == {
        "Postgres (yours)": Verdict.OK,
        "Redis for queues (yours)": Verdict.OK,
        "Redis for embeddings (yours)": Verdict.OK,
    }


def test_services_of_ones_own_that_do_not_answer(tmp_path: Path) -> None:
    nowhere = ServiceUrls(
        f"postgresql://nobody@/none?host={tmp_path}", f"unix://{tmp_path}/none.sock", "redis://127.0.0.1:1/0"
    )
    settings = Settings(data_dir=tmp_path, database_url=nowhere.database_url, redis_url=nowhere.redis_url)
    findings = doctor.check_postgres(settings) + doctor.check_redis(settings)
    assert verdicts(findings) == {
        "Postgres (yours)": Verdict.FAILED,
        "Redis for queues (yours)": Verdict.FAILED,
        "Redis (private)": Verdict.OK,  # the cache has no address, so the private program is looked for
    }
    assert all(finding.hint for finding in findings if finding.is_fatal)


def test_a_sign_in_service_that_does_not_answer(tmp_path: Path) -> None:
    assert doctor.check_sign_in(Settings(data_dir=tmp_path)) == []
    away = Settings(data_dir=tmp_path, oidc_issuer="http://127.0.0.1:1", oidc_client_id="sammed")
    assert verdicts(doctor.check_sign_in(away)) == {"Sign-in service": Verdict.FAILED}


def test_a_gpu_that_was_asked_for_and_is_not_there_is_a_failure(tmp_path: Path) -> None:
    findings = {finding.subject: finding for finding in doctor.check_torch(Settings(data_dir=tmp_path))}
    assert findings["Torch"].verdict is Verdict.OK
    if findings["GPU"].verdict is Verdict.OK:
        pytest.skip("this machine has a GPU")
    asked = {finding.subject: finding for finding in doctor.check_torch(Settings(data_dir=tmp_path, device="cuda"))}
    assert asked["GPU"].is_fatal
    assert "SAMMED_DEVICE" in asked["GPU"].hint


def test_a_folder_in_use_is_no_failure(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with PrivateServices(tmp_path, cache_bytes=2**20):
        findings = doctor.check_data_folder(settings)
    assert findings[0].verdict is Verdict.OK
    assert "in use by process" in findings[0].detail


def test_a_folder_that_cannot_be_used_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert doctor.check_data_folder(Settings(data_dir=tmp_path / "file" / "x"))[0].is_fatal


def test_pages_that_are_not_built(tmp_path: Path) -> None:
    assert doctor.check_pages(Settings(frontend_dir=tmp_path))[0].is_fatal
    (tmp_path / "index.html").write_text("")
    assert not doctor.check_pages(Settings(frontend_dir=tmp_path))[0].is_fatal


def test_all_codecs_come_with_the_requirements(tmp_path: Path) -> None:
    assert verdicts(doctor.check_codecs(Settings(data_dir=tmp_path))) == {"DICOM codecs": Verdict.OK}


def test_damaged_weights_are_found(tmp_path: Path) -> None:
    weights = tmp_path / "tiny.safetensors"
    weights.write_bytes(b"weights")
    card = tmp_path / "tiny.json"
    card.write_text(json.dumps({"sha256": hashlib.sha256(b"weights").hexdigest()}))
    assert verdicts(doctor.check_weights(tmp_path)) == {"Bundled model": Verdict.OK}
    weights.write_bytes(b"weightz")
    assert verdicts(doctor.check_weights(tmp_path)) == {"Bundled model": Verdict.FAILED}
    card.write_text("{}")
    assert verdicts(doctor.check_weights(tmp_path)) == {"Bundled model": Verdict.NOTE}
    weights.unlink()
    assert verdicts(doctor.check_weights(tmp_path)) == {"Bundled model": Verdict.FAILED}


def test_the_model_that_ships_is_the_one_its_card_describes(tmp_path: Path) -> None:
    assert not any(finding.is_fatal for finding in doctor.check_bundled_model(Settings(data_dir=tmp_path)))


def test_both_forms_of_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    findings = [Finding("A", Verdict.OK, "fine"), Finding("B", Verdict.FAILED, "broken", "mend it")]
    doctor.print_table(findings)
    table = capsys.readouterr().out
    assert "fine" in table
    assert "mend it" in table
    doctor.print_json(findings)
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is False
    assert document["findings"][1] == {"subject": "B", "verdict": "failed", "detail": "broken", "hint": "mend it"}
