"""What monitors of Ceph 16.2.15 and 20.2 and an OSD of 16.2.15 said to clients of throw-away clusters, for `cephx`.

And what RFC 8009 says in its appendix A.
"""

from __future__ import annotations

from typing import Any, Final

from .sealing import Key

RFC8009_6: Final = "4ed7b37c2bcac8f74f23c1cf07e62bc7b75fb3f637b9f559c7f664f69eab7b6092237526ea0d1f61cb20d69d10f2"
RFC8009_0: Final = "41f53fa5bfe7026d91faf9be959195a058707273a96a40f0a01960621ac612748b9bbfbe7eb4ce3c"
RFC8009_16: Final = (
    "bc47ffec7998eb91e8115cf8d19dac4bbbe2e163e87dd37f49beca92027764f68cf51f14d798c2273f35df574d1f932e40c4ff255b36a266"
)
RFC8009_21: Final = (
    "40013e2df58e8751957d2878bcd2d6fe101ccfd556cb1eae79db3c3ee86429f2b2a602ac86fef6ecb647d6295fae077a"
    "1feb517508d2c16b4192e01f62"
)
PROOF_16: Final[dict[str, Any]] = {
    "key": "0100db77016b0c9f77281000bf3a14859b4e7e5c26eca5e28b7701cb",
    "server": 9153380745036440980,
    "client": 81985529216486895,
    "proof": 18261978082387263184,
}
PROOF_20: Final[dict[str, Any]] = {
    "key": "02009679016bfd7c89222000061f8af6b4c52a5290ab7b85afc92dfe5a065ef7d6fdae2f60158b988bcd319c",
    "server": 9700589321259756525,
    "client": 81985529216486895,
    "proof": 14491088212290006307,
}
OSD_KEY: Final = Key(1, bytes.fromhex("30e35b0ed19ec6aaf5ad443da96a9a38"))
OSD: Final = (
    (
        "authorize-1",
        0x10,
        "028877665544332211000000000000000000",
        "7949a0d6fb61791a53481647bb2fb3ce91e2d2f1aa7fea04a814e7d1d0d8547a",
    ),
    (
        "challenge",
        0x11,
        "01a86f16412459f5dc",
        "fe35b1065515d245a76b516858d359f2a482c58c46e89d4781f65bc500dc479a",
    ),
    (
        "authorize-2",
        0x10,
        "02887766554433221101a96f16412459f5dc",
        "7949a0d6fb61791a53481647bb2fb3ce5b75a040979baec24b3f9725f78e3492",
    ),
    (
        "reply",
        0x12,
        (
            "028977665544332211400000005b653081e236420c21d0645ea7f1a868ff2128c703c4a6d1387072bf5c33452030a70f"
            "769ec5f03bd15d2fcf1587ab2e6b275dc015e82dd7d7be0161eebe9884"
        ),
        (
            "aeccdf88a9bad9eb2d54c112407febcf46804a75e771a9f73ad836b19b540da72db44183cc163fe26cca3220107d2803"
            "2ff1449de643cedd72f7d84c24986523bec801a827d89d9532a7a9d33ad3bfa27c42ce20da621b6d704c60f62aa69ccd"
        ),
    ),
)
"""What was said in the handshake with an OSD: usage, body, sealed."""
CHALLENGE: Final[tuple[str, dict[str, Any]]] = (
    "019425cc794a57077f",
    {"struct_v": 1, "challenge": "9153380745036440980"},
)
AUTHENTICATE: Final[tuple[str, dict[str, Any]]] = (
    "000103efcdab8967452301d07ea9504f946ffd0100000000000000000000000020000000",
    {
        "operation": 256,
        "struct_v": 3,
        "challenge": "81985529216486895",
        "proof": "18261978082387263184",
        "old_ticket": {"struct_v": 1, "secret_id": "0", "sealed": ""},
        "other_keys": 32,
    },
)
OSD_TICKET: Final[tuple[str, dict[str, Any]]] = (
    (
        "0102080000000500000061646d696e3610000000000000ffffffffffffffff5b78016b0477bb056b86016b0477bb0501"
        "000b00000007000000616c6c6f77202a0000000001005b78016b257abb051000a24507e1eaaaab3c9ba0da4c76565570"
    ),
    {
        "struct_v": 1,
        "ticket": {
            "struct_v": 2,
            "name": "client.admin",
            "global_id": "4150",
            "auid": "18446744073709551615",
            "created": [1795258459, 96171780],
            "expires": [1795262059, 96171780],
            "caps": {"struct_v": 1, "allow_all": 0, "caps": "07000000616c6c6f77202a"},
            "flags": 0,
        },
        "session_key": {"type": 1, "created": [1795258459, 96172581], "secret": "a24507e1eaaaab3c9ba0da4c76565570"},
    },
)
ANOTHER_KEY: Final = "AQATmwFreVVAGxAAQgpwkHV0+26qszQjwKfThQ=="
CLIENT_16: Final[dict[str, Any]] = {
    "name": "client.admin",
    "key": "AQDbdwFrDJ93KBAAvzoUhZtOflwm7KXii3cByw==",
    "server_challenge": "019425cc794a57077f",
    "client_dice": "efcdab8967452301",
    "global_id": 4175,
    "mode": 2,
    "request": "0a080000000500000061646d696e0000000000000000",
    "authenticate": "000103efcdab8967452301d07ea9504f946ffd0100000000000000000000000020000000",
    "done": (
        "00010000000001010000002000000001300000001ab16870692e1e7b008a76856a8af8ae105231117f4257a159ff03e7"
        "9f1997e6dfe16a6d2f54fb8772b756aa30475c95006d00000001020000000000000060000000b1bbf4b561cd43bb5efb"
        "c4eb6565dcfddf4da7f02d76693e096986f7bb3efa607a478e80bc47dfc2549ba833821648f73271e907f1686646f99a"
        "64b409f0e5f7c7a12fa4ede2fdc230a1a31d2c28937ee8790ec32b62bd60dde573a4f6bcc08254000000500000007b5a"
        "22c9e42944989e3e57c9f11989d63bad4dc1f11a6e8661324e86e612c18812af1465f82eff85261bbee36bb465072fbd"
        "21714157c2d725b5d5edd5ef1a35acbd61ed7051b313cea9a6814d6ec52500000000"
    ),
}
CLIENT_20: Final[dict[str, Any]] = {
    "name": "client.admin",
    "key": "AgCWeQFr/XyJIiAABh+K9rTFKlKQq3uFr8kt/loGXvfW/a4vYBWLmIvNMZw=",
    "server_challenge": "01edaba27d976a9f86",
    "client_dice": "efcdab8967452301",
    "global_id": 14097,
    "mode": 2,
    "request": "0a080000000500000061646d696e0000000000000000",
    "authenticate": "000103efcdab8967452301236d65b6f3af1ac90100000000000000000000000020000000",
    "done": (
        "00010000000001010000002000000001660000009961ce91f75822541e9aa70984ec3416a93af70f6df455f010b9fc48"
        "3268256e3a71062b01528478ac3886b5c6e197c2766a77333b21cab377cbeac4942f835ab94f076474556ddb39cc3eeb"
        "dc698af002451b27f56bafd1f255b9b083674db261fb140089c800a300000001020000000000000096000000e77766f9"
        "9a7c5e1b66814c76f509cfaa82126b2fffc07b54e627b19630db650715f639802db835d9e2eaefa09e94f3216e5a200e"
        "ddc01e1b21747f095d3f68662f8df8ec6433bc08be0b7e7a73efc170ea9660b468e3d014aa12fbd9aa07d5dda0258826"
        "759f5da8f76d34ef5eb7bc894e0c1b60628ffac39cb1177e51cd94b231f6220274b2f3af82089f344f130b9d4b2e7208"
        "afcb7900000075000000a8fa36284f9f98716a2497ba90916caadebc59629b754f63cb56f0668d67081717a08848ddae"
        "b8d42273cb1db2713872d7e34f2a98bf59b8967132d4a912683bc5ae62f90feccd99b5418ee5dce5521f9acd2a0a6373"
        "cfdede8c3afea792720bbdc5d04a425e334e59b6bb1ab4c0cf4eb81f3257e100000000"
    ),
}
