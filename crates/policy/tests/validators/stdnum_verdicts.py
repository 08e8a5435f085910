"""Prints `validator<TAB>candidate<TAB>0|1` as python-stdnum judges, for the comparison in validators_agree.rs.

Usage: stdnum_verdicts.py SEED TRIES KEEP   (KEEP 0 prints every candidate, otherwise so many valid and invalid ones a format)
Needs python-stdnum 2.2 (PyPI). Candidates are its documented samples, random numbers of the same shape, and near misses.
"""

import importlib
import random
import re
import sys

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

# Ours: python-stdnum's module.
MAP = {
    'aba_routing': 'us.rtn',
    'ar_cbu': 'ar.cbu',
    'ar_cuit': 'ar.cuit',
    'at_svnr': 'at.vnr',
    'at_uid': 'at.uid',
    'au_abn': 'au.abn',
    'au_acn': 'au.acn',
    'au_tfn': 'au.tfn',
    'be_bis': 'be.bis',
    'be_nn': 'be.nn',
    'be_vat': 'be.vat',
    'bech32': 'bitcoin',
    'bg_egn': 'bg.egn',
    'bg_pnf': 'bg.pnf',
    'bg_vat': 'bg.vat',
    'br_cnpj': 'br.cnpj',
    'br_cpf': 'br.cpf',
    'by_unp': 'by.unp',
    'ca_bc_phn': 'ca.bc_phn',
    'ca_bn': 'ca.bn',
    'ca_sin': 'ca.sin',
    'ch_ahv': 'ch.ssn',
    'ch_uid': 'ch.uid',
    'cl_rut': 'cl.rut',
    'cn_ric': 'cn.ric',
    'cn_uscc': 'cn.uscc',
    'co_nit': 'co.nit',
    'cu_ni': 'cu.ni',
    'cusip': 'cusip',
    'cy_vat': 'cy.vat',
    'cz_dic': 'cz.dic',
    'cz_rc': 'cz.rc',
    'damm': 'damm',
    'de_idnr': 'de.idnr',
    'de_vat': 'de.vat',
    'dk_cpr': 'dk.cpr',
    'dk_cvr': 'dk.cvr',
    'do_cedula': 'do.cedula',
    'do_rnc': 'do.rnc',
    'ec_ci': 'ec.ci',
    'ec_ruc': 'ec.ruc',
    'ee_ik': 'ee.ik',
    'ee_kmkr': 'ee.kmkr',
    'es_ccc': 'es.ccc',
    'es_cif': 'es.cif',
    'es_dni': 'es.dni',
    'es_nie': 'es.nie',
    'es_nif': 'es.nif',
    'fi_hetu': 'fi.hetu',
    'fi_ytunnus': 'fi.ytunnus',
    'figi': 'figi',
    'fr_nif': 'fr.nif',
    'fr_nir': 'fr.nir',
    'fr_siren': 'fr.siren',
    'fr_siret': 'fr.siret',
    'fr_tva': 'fr.tva',
    'gb_nhs': 'gb.nhs',
    'gb_utr': 'gb.utr',
    'gb_vat': 'gb.vat',
    'gh_tin': 'gh.tin',
    'gr_afm': 'gr.vat',
    'gr_amka': 'gr.amka',
    'gt_nit': 'gt.nit',
    'hr_oib': 'hr.oib',
    'hu_anum': 'hu.anum',
    'iban': 'iban',
    'id_nik': 'id.nik',
    'id_npwp': 'id.npwp',
    'ie_pps': 'ie.pps',
    'ie_vat': 'ie.vat',
    'il_company': 'il.hp',
    'il_id': 'il.idnr',
    'imei': 'imei',
    'imo_ship': 'imo',
    'in_aadhaar': 'in_.aadhaar',
    'in_epic': 'in_.epic',
    'in_gstin': 'in_.gstin',
    'in_pan': 'in_.pan',
    'in_vid': 'in_.vid',
    'is_kennitala': 'is_.kennitala',
    'isin': 'isin',
    'iso6346': 'iso6346',
    'iso7064_mod_11_10': 'iso7064.mod_11_10',
    'iso7064_mod_11_2': 'iso7064.mod_11_2',
    'iso7064_mod_37_36': 'iso7064.mod_37_36',
    'iso7064_mod_97_10': 'iso7064.mod_97_10',
    'it_codice_fiscale': 'it.codicefiscale',
    'it_iva': 'it.iva',
    'jp_corporate': 'jp.cn',
    'jp_my_number': 'jp.in_',
    'ke_pin': 'ke.pin',
    'kr_brn': 'kr.brn',
    'kr_rrn': 'kr.rrn',
    'lei': 'lei',
    'lt_asmens': 'lt.asmens',
    'lt_pvm': 'lt.pvm',
    'lu_tva': 'lu.tva',
    'luhn': 'luhn',
    'lv_pvn': 'lv.pvn',
    'ma_ice': 'ma.ice',
    'mac_address': 'mac',
    'md_idno': 'md.idno',
    'meid': 'meid',
    'mk_edb': 'mk.edb',
    'mt_vat': 'mt.vat',
    'mu_nid': 'mu.nid',
    'mx_curp': 'mx.curp',
    'mx_rfc': 'mx.rfc',
    'my_nric': 'my.nric',
    'mz_nuit': 'mz.nuit',
    'nl_bsn': 'nl.bsn',
    'nl_btw': 'nl.btw',
    'nl_onderwijsnummer': 'nl.onderwijsnummer',
    'no_fodselsnummer': 'no.fodselsnummer',
    'no_kontonr': 'no.kontonr',
    'no_orgnr': 'no.orgnr',
    'nz_ird': 'nz.ird',
    'pe_dni': 'pe.cui',
    'pe_ruc': 'pe.ruc',
    'pk_cnic': 'pk.cnic',
    'pl_nip': 'pl.nip',
    'pl_pesel': 'pl.pesel',
    'pl_regon': 'pl.regon',
    'pt_cc': 'pt.cc',
    'pt_nif': 'pt.nif',
    'py_ruc': 'py.ruc',
    'rf_creditor_reference': 'iso11649',
    'ro_cnp': 'ro.cnp',
    'ro_cui': 'ro.cui',
    'rs_pib': 'rs.pib',
    'ru_inn': 'ru.inn',
    'ru_ogrn': 'ru.ogrn',
    'se_orgnr': 'se.orgnr',
    'se_personnummer': 'se.personnummer',
    'se_vat': 'se.vat',
    'sedol': 'gb.sedol',
    'sg_uen': 'sg.uen',
    'si_ddv': 'si.ddv',
    'si_emso': 'si.emso',
    'sk_dph': 'sk.dph',
    'sk_rc': 'sk.rc',
    'sv_nit': 'sv.nit',
    'swift_bic': 'bic',
    'th_pin': 'th.pin',
    'tn_mf': 'tn.mf',
    'tr_tckn': 'tr.tckimlik',
    'tr_vkn': 'tr.vkn',
    'tw_ubn': 'tw.ubn',
    'ua_edrpou': 'ua.edrpou',
    'ua_rntrc': 'ua.rntrc',
    'us_atin': 'us.atin',
    'us_ein': 'us.ein',
    'us_itin': 'us.itin',
    'us_ptin': 'us.ptin',
    'us_ssn': 'us.ssn',
    'uy_rut': 'uy.rut',
    've_rif': 've.rif',
    'verhoeff': 'verhoeff',
    'vn_mst': 'vn.mst',
    'za_id': 'za.idnr',
    'za_tin': 'za.tin',
}

# Samples beside the ones in the modules' documentation.
EXTRA = {
    'bech32': ['bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4'],
    'bg_vat': ['175074752', '7523169263'],
    'br_cnpj': ['16.727.230/0001-97', '12.ABC.345/01DE-35'],
    'by_unp': ['200988541', 'MA1953684'],
    'ch_uid': ['CHE100155212'],
    'cn_ric': ['11010519491231002X', '440524188001010014'],
    'cz_dic': ['25123891', '7103192745', '640903926'],
    'damm': ['5724'],
    'do_cedula': ['00113918205'],
    'es_nif': ['54362315K', 'X5253868R', 'M1234567L', 'J99216582'],
    'fi_hetu': ['131052-308T', '131052A308D'],
    'fr_tva': ['40303265045', 'K7399859412', '4Z123456782'],
    'gb_vat': ['980780684', 'GD001'],
    'gh_tin': ['C0000803561'],
    'iban': ['DE89370400440532013000', 'FR1420041010050500013M02606', 'GB29NWBK60161331926819', 'IT60X0542811101000000123456', 'NL91ABNA0417164300', 'MT84MALT011000012345MTLCAST001S', 'SA0380000000608010167519', 'PL61109010140000071219812874', 'TR330006100519786457841326', 'BR1800360305000010009795493C1'],
    'id_nik': ['3171011708450001'],
    'ie_pps': ['6433435F', '6433435FT', '6433435FW', '6433435OA', '6433435IH'],
    'ie_vat': ['6433435F', '6433435OA', '8D79739I'],
    'imei': ['490154203237518'],
    'imo_ship': ['9319466'],
    'in_gstin': ['27AAPFU0939F1ZV'],
    'isin': ['US0378331005'],
    'iso6346': ['CSQU3054383'],
    'iso7064_mod_11_10': ['79462'],
    'iso7064_mod_11_2': ['079X'],
    'iso7064_mod_37_36': ['A12425GABC1234002M'],
    'iso7064_mod_97_10': ['99991234567890121414'],
    'ke_pin': ['P051365947M'],
    'kr_brn': ['2208162517'],
    'lei': ['213800KUD8LAJWSQ9D15'],
    'lt_pvm': ['119511515', '100001919017'],
    'luhn': ['79927398713'],
    'mac_address': ['D0-50-99-84-A2-A0', 'd0:50:99:84:a2:a0'],
    'meid': ['AF0123450ABCDE', 'AF0123450ABCDEC'],
    'mu_nid': ['F2001011234567', 'J2906201304089'],
    'mx_rfc': ['GODE561231GR8', 'MAB930714 8T4'],
    'my_nric': ['770305021234'],
    'nl_btw': ['004495445B01'],
    'pl_regon': ['192598184', '12345678512347'],
    'ro_cui': ['18547290'],
    'ru_inn': ['1234567894', '123456789047'],
    'ru_ogrn': ['1022200525819', '385768585948949'],
    'se_personnummer': ['880320-0016', '19890121+0012'],
    'sg_uen': ['00192200M', '197401143C', 'S16FC0121D'],
    'sv_nit': ['06140507071048'],
    'tn_mf': ['1234567L', '1234567MAE001'],
    'us_ein': ['91-1144442'],
    'uy_rut': ['211406340011'],
    'verhoeff': ['2363', '1234567895'],
    'vn_mst': ['0100233488', '0314409058002'],
}


def verdict(name, module, text):
    options = {"mx_rfc": {"validate_check_digits": True}, "mac_address": {"validate_manufacturer": False}}
    try:
        module.validate(text, **options.get(name, {}))
        return True
    except Exception:  # some modules raise more than their own errors
        return False


def same_shape(text, share):
    out = []
    for c in text:
        if c.isdigit() and random.random() < share:
            c = random.choice("0123456789")
        elif c in LETTERS and random.random() < share * 0.3:
            c = random.choice(LETTERS)
        out.append(c)
    return "".join(out)


def near_miss(text):
    at, kind = random.randrange(len(text)), random.random()
    old, before, after = text[at], text[:at], text[at + 1:]
    if kind < 0.7:
        other = random.choice("0123456789") if old.isdigit() else random.choice(LETTERS) if old in LETTERS else old
        return before + other + after
    if kind < 0.8:
        return before + after
    if kind < 0.9:
        return before + random.choice("0123456789") + old + after
    return before + random.choice("ABCXYZ019") + after


def candidates(name, module, tries):
    seeds = re.findall(r"(?:validate|is_valid|compact|format)\('([^']+)'", module.__doc__ or "") + EXTRA.get(name, [])
    seeds = [s for s in seeds if s.isascii()]
    good = [s for s in seeds if verdict(name, module, s)]
    pool, found = good or seeds, list(seeds)
    for _ in range(tries if pool else 0):
        text = same_shape(random.choice(pool), random.choice([0.15, 0.5, 1]))
        found.append(text)
        if verdict(name, module, text):
            good.append(text)
    found += [near_miss(random.choice(good)) for _ in range(tries // 4) if good]
    return [t for t in dict.fromkeys(found) if "\t" not in t and "\n" not in t and t.strip()]


def main(seed, tries, keep):
    random.seed(seed)
    for name in sorted(MAP):
        module = importlib.import_module("stdnum." + MAP[name])
        judged = [(t, verdict(name, module, t)) for t in candidates(name, module, tries)]
        for wanted in (True, False):
            rows = [t for t, v in judged if v is wanted]
            for text in rows[:keep] if keep else rows:
                print(name, text, int(wanted), sep="\t")


main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
