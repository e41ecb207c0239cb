"""The middle of each country (ISO 3166-1, and XK), in whole degrees, and its continent.

It stands in where a database gives a country without coordinates or without a continent.
Large, unevenly settled countries (AR AU BR CA CL CN DZ EG GL KZ LY NO RU SE US) have the middle of their people: by
the middle of its area, all Russia would be nearest to Tokyo.
"""

_COUNTRIES = {  # continent: country latitude longitude, ...
    "AF": """
        AO -12 18, BF 13 -2, BI -3 30, BJ 10 2, BW -22 24, CD -3 24, CF 7 21, CG -1 15, CI 8 -6, CM 6 12, CV 16 -24,
        DJ 12 43, DZ 36 3, EG 30 31, EH 25 -13, ER 15 39, ET 9 39, GA -1 12, GH 8 -1, GM 13 -15, GN 11 -10, GQ 2 10,
        GW 12 -15, KE 0 38, KM -12 44, LR 6 -9, LS -30 28, LY 32 15, MA 32 -6, MG -19 47, ML 17 -4, MR 20 -10,
        MU -20 58, MW -13 34, MZ -18 35, NA -22 17, NE 17 8, NG 9 8, RE -21 56, RW -2 30, SC -5 55, SD 15 30,
        SH -16 -6, SL 8 -12, SN 14 -14, SO 5 46, SS 7 30, ST 1 7, SZ -27 31, TD 15 19, TG 8 1, TN 34 9, TZ -6 35,
        UG 1 32, YT -13 45, ZA -29 25, ZM -14 28, ZW -19 30""",
    "AN": "AQ -80 20, BV -54 3, GS -54 -37, HM -53 73, TF -49 69",
    "AS": """
        AE 24 54, AF 34 66, AM 40 45, AZ 40 48, BD 24 90, BH 26 51, BN 5 115, BT 27 90, CC -12 97, CN 33 113,
        GE 42 44, HK 22 114, ID -2 118, IL 31 35, IN 22 79, IO -6 72, IQ 33 44, IR 32 54, JO 31 36, JP 37 138,
        KG 41 75, KH 13 105, KP 40 127, KR 36 128, KW 29 48, KZ 47 71, LA 18 104, LB 34 36, LK 7 81, MM 21 96,
        MN 47 104, MO 22 114, MV 3 73, MY 4 109, NP 28 84, OM 21 57, PH 13 122, PK 30 70, PS 32 35, QA 25 51,
        SA 24 45, SG 1 104, SY 35 38, TH 15 101, TJ 39 71, TM 39 60, TR 39 35, TW 24 121, UZ 41 64, VN 16 107,
        YE 16 48""",
    "EU": """
        AD 43 2, AL 41 20, AT 48 14, AX 60 20, BA 44 18, BE 51 5, BG 43 25, BY 54 28, CH 47 8, CY 35 33, CZ 50 15,
        DE 51 10, DK 56 10, EE 59 26, ES 40 -4, FI 62 26, FO 62 -7, FR 47 2, GB 53 -2, GG 49 -3, GI 36 -5, GR 39 22,
        HR 45 16, HU 47 19, IE 53 -8, IM 54 -5, IS 65 -19, IT 43 12, JE 49 -2, LI 47 10, LT 55 24, LU 50 6, LV 57 25,
        MC 44 7, MD 47 29, ME 43 19, MK 42 22, MT 36 14, NL 52 5, NO 60 10, PL 52 19, PT 40 -8, RO 46 25, RS 44 21,
        RU 56 45, SE 59 16, SI 46 15, SJ 78 16, SK 49 20, SM 44 12, UA 49 32, VA 42 12, XK 43 21""",
    "NA": """
        AG 17 -62, AI 18 -63, AW 13 -70, BB 13 -60, BL 18 -63, BM 32 -65, BQ 12 -68, BS 24 -76, BZ 17 -89, CA 47 -85,
        CR 10 -84, CU 22 -80, CW 12 -69, DM 15 -61, DO 19 -71, GD 12 -62, GL 65 -51, GP 16 -62, GT 15 -90, HN 15 -87,
        HT 19 -72, JM 18 -77, KN 17 -63, KY 19 -81, LC 14 -61, MF 18 -63, MQ 15 -61, MS 17 -62, MX 23 -102, NI 13 -85,
        PA 9 -80, PM 47 -56, PR 18 -66, SV 14 -89, SX 18 -63, TC 22 -72, TT 11 -61, US 38 -92, VC 13 -61, VG 18 -65,
        VI 18 -65""",
    "OC": """
        AS -14 -171, AU -33 146, CK -21 -160, CX -10 106, FJ -18 178, FM 7 158, GU 13 145, KI 1 173, MH 7 171,
        MP 15 146, NC -21 165, NF -29 168, NR -1 167, NU -19 -170, NZ -41 174, PF -18 -149, PG -6 147, PN -25 -130,
        PW 7 134, SB -8 159, TK -9 -172, TL -9 126, TO -21 -175, TV -8 178, UM 19 167, VU -16 167, WF -13 -176,
        WS -14 -172""",
    "SA": """
        AR -34 -62, BO -17 -65, BR -17 -46, CL -34 -71, CO 4 -73, EC -2 -78, FK -52 -59, GF 4 -53, GY 5 -59,
        PE -10 -76, PY -23 -58, SR 4 -56, UY -33 -56, VE 7 -66""",
}

_ROWS = [(continent, *row.split()) for continent, rows in _COUNTRIES.items() for row in rows.split(",")]

CENTROIDS = {country: (float(latitude), float(longitude)) for _, country, latitude, longitude in _ROWS}
CONTINENTS = {country: continent for continent, country, _, _ in _ROWS}
