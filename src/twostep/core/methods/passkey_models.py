"""Names of well-known passkey providers and security keys, by AAGUID, to name new passkeys.

The AAGUID identifies the model of an authenticator; without attestation it is not verified. It only
suggests a name and decides nothing (WebAuthn level 3, §6.5.1).
"""

from __future__ import annotations


_APPLE = "iCloud Keychain"
_GOOGLE = "Google Password Manager"
_WINDOWS = "Windows Hello"
_YUBIKEY = "YubiKey 5"
_YUBICO = "Security Key by Yubico"

MODELS = {
    "08987058-cadc-4b81-b6e1-30de50dcbe96": _WINDOWS,
    "0bb43545-fd2c-4185-87dd-feb0b2916ace": _YUBICO,
    "0ea242b4-43c4-4a1b-8b17-dd6d0b6baec6": "Keeper",
    "149a2021-8ef6-4133-96b8-81f8d5b7f1f5": _YUBICO,
    "17290f1e-c212-34d0-1423-365d729f09d9": "Thales",
    "19083c3d-8383-4b18-bc03-8f1c9ab2fd1b": _YUBIKEY,
    "2cd2f727-f6ca-44da-8f48-5c2e5da000a2": "Nitrokey 3",
    "2fc0579f-8113-47ea-b116-bb5a8db9202a": _YUBIKEY,
    "39a5647e-1853-446c-a1f6-a79bae9f5bc7": "IDmelon",
    "42b4fb4a-2866-43b2-9bf7-6c6669c2e5d3": "Titan Security Key",
    "50726f74-6f6e-5061-7373-50726f746f6e": "Proton Pass",
    "531126d6-e717-415c-9320-3d9aa6981239": "Dashlane",
    "53414d53-554e-4700-0000-000000000000": "Samsung Pass",
    "6028b017-b1d4-4c02-b4b3-afcdafc96bb2": _WINDOWS,
    "6d44ba9b-f6ec-2e49-b930-0c8fe920cb73": _YUBICO,
    "73bb0cd4-e502-49b8-9c6f-b59445bf720b": "YubiKey 5 FIPS",
    "771b48fd-d3d4-4f74-9232-fc157ab0507a": "Edge on macOS",
    "85203421-48f9-4355-9bc8-8a53846e5083": "YubiKey 5 FIPS",
    "8876631b-d4a0-427f-5773-0ec71c9e0279": "Solo",
    "998f358b-2dd2-4cbe-a43a-e8107438dfb3": "OnlyKey",
    "9ddd1817-af5a-4672-a2b9-3e3dd95000a9": _WINDOWS,
    "a25342c0-3cdc-4414-8e46-f4807fca511c": _YUBIKEY,
    "a4e9fc6d-4cbe-4758-b8ba-37598bb5bbaa": _YUBICO,
    "adce0002-35bc-c60a-648b-0b25f1f05503": "Chrome on macOS",
    "b5397666-4885-aa6b-cebf-e52262a439a2": "Chromium",
    "b78a0a55-6ef8-d246-a042-ba0f6d55050c": "LastPass",
    "b84e4048-15dc-4dd0-8640-f4f60813c8af": "NordPass",
    "b92c3f9a-c014-4056-887f-140a2501163b": _YUBICO,
    "bada5566-a7aa-401f-bd96-45619a55120d": "1Password",
    "c5ef55ff-ad9a-4b9f-b580-adebafe026d0": "YubiKey 5Ci",
    "cb69481e-8ff7-4039-93ec-0a2729a154a8": _YUBIKEY,
    "d548826e-79b4-db40-a3d8-11116f7e8349": "Bitwarden",
    "d7781e5d-e353-46aa-afe2-3ca49f13332a": _YUBIKEY,
    "d8522d9f-575b-4866-88a9-ba99fa02f35b": "YubiKey Bio",
    "dd4ec289-e01d-41c9-bb89-70fa845d4bf2": _APPLE,
    "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4": _GOOGLE,
    "ee041bce-25e5-4cdb-8f86-897fd6418464": "Feitian ePass",
    "ee882879-721c-4913-9775-3dfcce97072a": _YUBIKEY,
    "f3809540-7f14-49c1-a8b3-8f813b225541": "Enpass",
    "f8a011f3-8c0a-4d15-8006-17111f9edc7d": _YUBICO,
    "fa2b99dc-9e39-4257-8f92-4a30d23c4118": _YUBIKEY,
    "fbfc3007-154e-4ecc-8c0b-6e020557d7bd": _APPLE,
    "fdb141b2-5d84-443e-8a35-4698c205a502": "KeePassXC",
}


def suggest_name(model: str, browser: str) -> str:
    """Return a name for a new passkey: its model, or `browser` ("" if unknown)."""
    return MODELS.get(model, browser)
