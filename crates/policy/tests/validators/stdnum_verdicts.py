"""Prints `validator<TAB>candidate<TAB>verdict` as python-stdnum judges, for the comparison in validators_agree.rs.

Usage: stdnum_verdicts.py SEED TRIES KEEP   (KEEP 0 prints every candidate, otherwise so many valid and invalid ones a format)
The verdict is 1, or the kind of error. Needs python-stdnum 2.2 (PyPI). Candidates are its documented samples, random numbers
of the same shape, numbers repaired to be right, and near misses.
"""

import importlib
import pkgutil
import random
import re
import sys

import stdnum

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

# Ours: python-stdnum's module.
MAP = {
    'aba_routing': 'us.rtn',
    'ad_nrt': 'ad.nrt',
    'al_nipt': 'al.nipt',
    'ar_cbu': 'ar.cbu',
    'ar_cuit': 'ar.cuit',
    'at_fn': 'at.businessid',
    'at_svnr': 'at.vnr',
    'at_tin': 'at.tin',
    'at_uid': 'at.uid',
    'au_abn': 'au.abn',
    'au_acn': 'au.acn',
    'au_tfn': 'au.tfn',
    'az_voen': 'az.voen',
    'be_bis': 'be.bis',
    'be_eid': 'be.eid',
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
    'cr_cpf': 'cr.cpf',
    'cr_cpj': 'cr.cpj',
    'cr_dimex': 'cr.cr',
    'cu_ni': 'cu.ni',
    'cusip': 'cusip',
    'cy_vat': 'cy.vat',
    'cz_account': 'cz.bankaccount',
    'cz_dic': 'cz.dic',
    'cz_rc': 'cz.rc',
    'damm': 'damm',
    'de_idnr': 'de.idnr',
    'de_steuernummer': 'de.stnr',
    'de_vat': 'de.vat',
    'dk_cpr': 'dk.cpr',
    'dk_cvr': 'dk.cvr',
    'do_cedula': 'do.cedula',
    'do_rnc': 'do.rnc',
    'dz_nif': 'dz.nif',
    'ec_ci': 'ec.ci',
    'ec_ruc': 'ec.ruc',
    'ee_ik': 'ee.ik',
    'ee_kmkr': 'ee.kmkr',
    'ee_registrikood': 'ee.registrikood',
    'eg_tn': 'eg.tn',
    'es_ccc': 'es.ccc',
    'es_cif': 'es.cif',
    'es_dni': 'es.dni',
    'es_nie': 'es.nie',
    'es_nif': 'es.nif',
    'eu_oss': 'eu.oss',
    'fi_hetu': 'fi.hetu',
    'fi_veronumero': 'fi.veronumero',
    'fi_ytunnus': 'fi.ytunnus',
    'figi': 'figi',
    'fo_vn': 'fo.vn',
    'fr_nif': 'fr.nif',
    'fr_nir': 'fr.nir',
    'fr_siren': 'fr.siren',
    'fr_siret': 'fr.siret',
    'fr_tva': 'fr.tva',
    'gb_nhs': 'gb.nhs',
    'gb_upn': 'gb.upn',
    'gb_utr': 'gb.utr',
    'gb_vat': 'gb.vat',
    'gh_tin': 'gh.tin',
    'gn_nifp': 'gn.nifp',
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
    'imsi': 'imsi',
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
    'iso7064_mod_37_2': 'iso7064.mod_37_2',
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
    'li_peid': 'li.peid',
    'lt_asmens': 'lt.asmens',
    'lt_pvm': 'lt.pvm',
    'lu_tva': 'lu.tva',
    'luhn': 'luhn',
    'lv_pvn': 'lv.pvn',
    'ma_ice': 'ma.ice',
    'mac_address': 'mac',
    'md_idno': 'md.idno',
    'me_pib': 'me.pib',
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
    'nl_document': 'nl.identiteitskaartnummer',
    'nl_onderwijsnummer': 'nl.onderwijsnummer',
    'no_fodselsnummer': 'no.fodselsnummer',
    'no_kontonr': 'no.kontonr',
    'no_orgnr': 'no.orgnr',
    'nz_account': 'nz.bankaccount',
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
    'ro_onrc': 'ro.onrc',
    'rs_pib': 'rs.pib',
    'ru_inn': 'ru.inn',
    'ru_ogrn': 'ru.ogrn',
    'se_orgnr': 'se.orgnr',
    'se_personnummer': 'se.personnummer',
    'se_vat': 'se.vat',
    'sedol': 'gb.sedol',
    'sepa_creditor': 'eu.at_02',
    'sg_uen': 'sg.uen',
    'si_ddv': 'si.ddv',
    'si_emso': 'si.emso',
    'si_maticna': 'si.maticna',
    'sk_dph': 'sk.dph',
    'sk_rc': 'sk.rc',
    'sn_ninea': 'sn.ninea',
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

# The other's formats that are none of ours, with the reason. A format in neither list ends the run.
NOT_OURS = {
    "the same number under another name": [
        'be.ssn', 'be.iban', 'ch.vat', 'es.iban', 'eu.vat', 'fi.alv', 'is_.vsk', 'iso9362', 'mc.tva', 'me.iban', 'no.iban', 'no.mva',
        'ro.cf', 'th.tin', 'us.tin', 'vatin',
    ],
    "of things, places and trades, not of people or companies": [
        'at.postleitzahl', 'be.ogm_vcs', 'casrn', 'cfi', 'ch.esr', 'de.leitweg', 'de.wkn', 'do.ncf', 'ean', 'es.cae', 'es.cups',
        'es.postal_code', 'es.referenciacatastral', 'eu.banknote', 'eu.ecnumber', 'eu.eic', 'eu.excise', 'eu.nace',
        'fr.accise', 'grid', 'gs1_128', 'isan', 'isbn', 'isil', 'ismn', 'isrc', 'issn', 'it.aic', 'nl.brin', 'nl.postcode',
        'se.postnummer', 'th.moa',
    ],
    "on every letterhead or in every book, of no check of their own, or of a court's name": [
        'de.handelsregisternummer', 'fi.associationid', 'fr.rcs', 'isni',
    ],
    "too short for mail: up to five digits": ['sm.coe'],
    "any eight digits beside a word: found, but the other's rule is its length alone": ['ar.dni'],
}

# Samples beside the ones in the modules' documentation: also one for each difference that stands.
EXTRA = {
    'aba_routing': ['347572835'],
    'at_fn': ['FN 93363z', '33209m', '473082i', '250118x', '9871t', '122119M', '122118m', '1m'],
    'at_tin': ['59-119/9013'],
    'au_abn': ['10293228094'],
    'au_tfn': ['000000000'],
    'az_voen': ['636343332'],
    'be_bis': ['28402829751', '86308319114'],
    'be_nn': ['44041605954', '85007100326'],
    'be_vat': [
        'BE403019261', '(0403019261', '0759751015', '0690495488', '0426730417', '0520171804', '0613374253',
        '0478023423', '0688892614', '0516627740',
    ],
    'bech32': [
        'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4', 'BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4',
        'bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq',
        'bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3',
        'bc1qw508d6qejXtdg4y5r3zarvary0c5xw7kv8f3t4',
        'bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr',
        'BC1QARDV855YJNGSPVXUTTQ897AQCA3LXJU2Y69JCE',
    ],
    'bg_egn': ['7023169223', '702316 922 3', '8032050033', '712916 9203', '2005095131', '5212187511'],
    'bg_vat': ['175074752', '7523169263'],
    'br_cnpj': ['16.727.230/0001-97', '12.ABC.345/01DE-35', '16.727.230/0001=97'],
    'by_unp': ['200988541', 'MA1953684'],
    'ch_uid': ['CHE100155212', '871115520'],
    'cl_rut': ['CL 12531909-2'],
    'cn_ric': [
        '11010519491231002X', '440524188001010014', '360426198109010071', '11010515191230106X', '310104199003103932',
        '360426198802140114', '110101198205086463', '310104198009219915', '110101198811037143', '110101199308036076',
        '110101198802031145', '360426199606139778', '110101192308092076', '360426199101010071', '110101699308036376',
        '410102994409019611', '310104298009219518',
    ],
    'cr_cpf': ['0-0455-0175', '1-613-584', '0-7427-05567', '000455017'],
    'cr_dimex': ['11111111111', '22222222222'],
    'cz_account': [
        '34278-727558021/07100', '34278-0727558021/0100', '19-2000145399/0800', '000019-2000145399/0800',
        '1325090010/3030', '1305030010/8030', '2605762015/2010', '1375797006/3030', '5183057060/3030',
        '1355030000/3030', '19-2000145399/0850',
    ],
    'cz_dic': ['25123891', '7103192745', '640903926'],
    'damm': ['5724'],
    'de_steuernummer': ['0000000000', '9181081508155'],
    'dk_cpr': ['311229-5564'],
    'do_cedula': ['00113918205'],
    'es_nif': ['54362315K', 'X5253868R', 'M1234567L', 'J99216582'],
    'eu_oss': ['EU.372022452', 'IM3720000123'],
    'fi_hetu': [
        '131052-308T', '131052A308D', '131052308T', '200587-3699', '261293-759X', '210941-8626', '150481-055K',
        '060263-4829', '280464-558T', '041055-015A', '131052a308t', '210941-8936', '200587-3655',
    ],
    'fi_veronumero': ['111111111111'],
    'fr_nif': [
        '1022050301223', '2545373330059', '2337446730381', '0560161641375', '1588945316014', '3933953013095',
        '2593816829247', '2036044446205', '3023217600053', '3285870301287', '2036041446271', '2938344749214',
    ],
    'fr_nir': ['051052B57000470'],
    'fr_siret': [
        '70288932000074', '73282932000074', '75282932500675', '73483937600054', '47521921890760', '75808456055934',
    ],
    'fr_tva': ['40303265045', 'K7399859412', '4Z123456782'],
    'gb_nhs': ['1111111111'],
    'gb_upn': ['T999200005001'],
    'gb_vat': ['980780684', 'GD001'],
    'gh_tin': ['C0000803561'],
    'gn_nifp': ['000000000'],
    'gr_afm': [
        'EL33870010', '078188041', '091703178', '097405426', '093825779', '035643632', '036395328', '027501421',
        '017743660',
    ],
    'iban': [
        'DE89370400440532013000', 'FR1420041010050500013M02606', 'GB29NWBK60161331926819',
        'IT60X0542811101000000123456', 'NL91ABNA0417164300', 'MT84MALT011000012345MTLCAST001S',
        'SA0380000000608010167519', 'PL61109010140000071219812874', 'TR330006100519786457841326',
        'BR1800360305000010009795493C1', 'NL99ABNA0417164350', 'BE33835411169635',
    ],
    'id_nik': ['3171011708450001', '3370005501172031', '6577041708426907'],
    'id_npwp': ['74.344.707.09530.602'],
    'ie_pps': ['6433435F', '6433435FT', '6433435FW', '6433435OA', '6433435IH'],
    'ie_vat': ['3B66686CA', '6433435F', '6433435OA', '8D79739I'],
    'il_id': ['7897671'],
    'imei': [
        '490154203237518', '14302536295378', '353068985753110', '353361485405814', '350758647031607',
        '352852728877919', '353788482888446', '356934288497365', '358180960808689', '359171218766430',
    ],
    'imo_ship': ['9319466', '0555603'],
    'imsi': ['26201987654321', '901700123456789', '001010123456789', '255999876543210', '310150123456789', '262019876543210', '208011234567890'],
    'in_gstin': [
        '27AAPFU0939F1ZV', '97AAPFU4330F1ZV', '27AAPFU4029F4ZV', '17AAPFU0739F1ZY', '22AAPFU5939F1ZV',
        '10AAHFB3939F1ZV', '07AAPFU0939F3ZV', '17AAPJI0937F7ZV',
    ],
    'isin': ['US0378331005', 'EZ0000000003'],
    'iso6346': ['CSQU3054383', 'TA0U1170000'],
    'iso7064_mod_11_10': ['79462'],
    'iso7064_mod_11_2': ['079X'],
    'iso7064_mod_37_2': ['G123489654321Y'],
    'iso7064_mod_37_36': ['A12425GABC1234002M'],
    'iso7064_mod_97_10': ['99991234567890121414'],
    'it_codice_fiscale': [
        '00743170177', 'NPNNPR52C26L219H', 'SRDCNG49B18H501S', 'RMNSTR81C20H501H', 'PCBBFF78A25L219Z',
        'LNRFPF80E16H501Y', 'SCNSGM75B23D969F', 'LFPGBC76B13H501T', 'GMCBSB53D02L219I', 'GMCBSB23D02L299I',
        'RCCMNL83S18D969H', 'SCHYGM15D90D465F', 'GMCBSB83D02L373I',
    ],
    'ke_pin': ['P051365947M'],
    'kr_brn': ['2208162517', '3259183665'],
    'lei': [
        '213800KUD8LAJWSQ9D15', '213800KUD8LAJWSQ9DX5', '0335808KUD9LAJWYH2F89', '801800KUD8IDJWSQ7D09',
        '213300KUD8LAJWSQ9D73', '213864KUD8LAJLSU9D79', '313400KUD8LAJWSQ9D82', '213800QRD8LAJWSQ9D84',
        '335808KUD9LAJWYH2F89',
    ],
    'lt_pvm': ['119511515', '100001919017'],
    'lu_tva': ['LU 459030 57', 'LU15027442', 'LU 459 03057', 'LU 150 27442', 'LU 240 188 66', 'LU459 030 57'],
    'luhn': ['79927398713'],
    'lv_pvn': ['12059751617'],
    'mac_address': ['D0-50-99-84-A2-A0', 'd0:50:99:84:a2:a0', 'd9:95:51:64:a9:a3', 'd8:80:07:22:1:a2'],
    'meid': ['AF0123450ABCDE', 'AF0123450ABCDEC', '29360 87365 0070 3710 0'],
    'mt_vat': ['MT68179574', 'MT68809544', 'MT 11679112', 'MT58097494', 'MT 6817-9574', 'MT52049554'],
    'mu_nid': [
        'F2001011234567', 'J2906201304089', 'J2903201388639', 'J2903701332238', 'J2903801374219', 'J2306201304028',
        'J1206332481289', 'J2903226378239',
    ],
    'mx_curp': ['BOXW310820HNERXN09', 'BOXW310820XNERXN03', 'CACA310820HNERXN03'],
    'mx_rfc': [
        'GODE561231GR8', 'MAB930714 8T4', 'CACA561231GR5', 'COMG-600703', 'GODE971231GR8', 'GORE561231GR8',
        'MAB4308143T3', 'MAB0907148T4', 'MAB-930714-8T4', 'MAB090714 8T4',
    ],
    'my_nric': ['770305021234'],
    'nl_bsn': ['11120204'],
    'nl_btw': ['004495445B01', 'NL1908352B98'],
    'nl_document': ['EM0000005', 'XR1001R58', 'NP2H6RR92', 'IR2KF3B16', 'BE7XC4K07'],
    'no_fodselsnummer': [
        '01013060181', '18104695082', '05415635070', '054116 45020', '65118695032', '151080 15060', '15108895958',
    ],
    'no_kontonr': ['00004050423', '00004696409', '4050423'],
    'nz_account': [
        '12-3140-171323-50', '12-3140-01713239-50', '01-0902-0068389-000', '12-3140-0171323-50', '38-9000-0000000-00',
    ],
    'nz_ird': ['NZ47023708'],
    'pe_dni': [
        '78251964', '66619345-3', '45061231-1', '07728378-7', '26616630-C', '94032699-6', '02374095-H', '61113930-F',
        '59729792-K',
    ],
    'pl_nip': ['1111111111'],
    'pl_regon': ['192598184', '12345678512347'],
    'pt_cc': ['00000004LZ0'],
    'py_ruc': ['9601'],
    'ro_cui': ['18547290'],
    'ro_onrc': ['J52 750/2012', 'j52/750/2012', 'J2030000750001', 'J40/8302/2012'],
    'ru_inn': ['1234567894', '123456789047', '0000000000'],
    'ru_ogrn': ['1022200525819', '385768585948949', '479672580659732'],
    'se_personnummer': [
        '880320-0016', '19890121+0012', '8803200917', '0009200213', '720320-0287', '9608129210', '8803200016',
    ],
    'sepa_creditor': ['DE98ZZZ09999999999', 'ES2300047690558N', '1155ZZZ55'],
    'sg_uen': ['00192200M', '197401143C', 'S16FC0121D', '111910933N', 'T52FC5751D'],
    'si_maticna': ['9331310'],
    'sv_nit': ['06140507071048', 'SV06140507076058'],
    'tn_mf': ['1234567L', '1234567MAE001', '462Y'],
    'tr_vkn': ['4444444444'],
    'tw_ubn': ['00000000'],
    'us_atin': ['678-09-5682', '939-93-1234', '912-93-4567', '900-93-0001', '987-93-6543', '966-93-2468'],
    'us_ein': ['91-1144442', '91-0000000', '911-14-4442'],
    'us_itin': ['969-64-6890'],
    'us_ssn': ['1112-23333'],
    'uy_rut': [
        '211406340011', 'UY211406340011', '031853710015', '211003490015', '201053460015', '218803400018',
        '211003420017',
    ],
    'verhoeff': ['2363', '1234567895'],
    'vn_mst': ['0100233488', '0314409058002'],
}


def answer(name, module, text):
    """1, or the kind of error with which the number is refused."""
    options = {"mx_rfc": {"validate_check_digits": True}, "mac_address": {"validate_manufacturer": False}}
    try:
        module.validate(text, **options.get(name, {}))
        return "1"
    except Exception as why:  # some modules raise more than their own errors
        rude = hasattr(module, "_name_blacklist") and module.compact(text)[:4] in module._name_blacklist
        return "RudeWord" if rude else type(why).__name__


def verdict(name, module, text):
    return answer(name, module, text) == "1"


def same_shape(text, share):
    out = []
    for c in text:
        if c.isdigit() and random.random() < share:
            c = random.choice("0123456789")
        elif c in LETTERS and random.random() < share * 0.3:
            c = random.choice(LETTERS)
        out.append(c)
    return "".join(out)


def repaired(stem, good):
    """The text with two digits changed so that it is good: the last two, or any two."""
    digits = [at for at, c in enumerate(stem) if c.isdigit()]
    places = random.choice([digits[-2:], digits[-2:], random.sample(digits, min(2, len(digits)))])
    for value in range(100):
        octets = list(stem)
        for at, digit in zip(places, f"{value:02}"):
            octets[at] = digit
        if good("".join(octets)):
            return "".join(octets)
    return None


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
    # Numbers with long checks are rarely hit at random.
    for _ in range(tries // 20 if len(good) < 100 else 0):
        text = repaired(same_shape(random.choice(pool), random.choice([0.15, 0.5])), lambda t: verdict(name, module, t))
        if text:
            found.append(text)
            good.append(text)
    found += [near_miss(random.choice(good)) for _ in range(tries // 4) if good]
    # The same without separators, so that a difference about them hides no other.
    found += ["".join(c for c in text if c.isalnum()) for text in found if not text.isalnum()]
    # Two modules list numbers that were given out with a wrong check digit.
    listed = getattr(module, "whitelist", ())
    found = [text for text in found if module.compact(text) not in listed] if listed else found
    return [t for t in dict.fromkeys(found) if "\t" not in t and "\n" not in t and t.strip()]


def every_format_is_sorted():
    formats = [m.name.removeprefix("stdnum.") for m in pkgutil.walk_packages(stdnum.__path__, "stdnum.") if not m.ispkg]
    formats = {name for name in formats if hasattr(importlib.import_module("stdnum." + name), "validate")}
    apart = [name for names in NOT_OURS.values() for name in names]
    unsorted = formats.symmetric_difference([*MAP.values(), *apart]) | set(MAP.values()).intersection(apart)
    if unsorted:
        sys.exit(f"formats that are in neither list, in both, or gone: {sorted(unsorted)}")


def main(seed, tries, keep):
    every_format_is_sorted()
    random.seed(seed)
    for name in sorted(MAP):
        module = importlib.import_module("stdnum." + MAP[name])
        judged = [(t, answer(name, module, t)) for t in candidates(name, module, tries)]
        for wanted in (True, False):
            rows = [row for row in judged if (row[1] == "1") is wanted]
            for row in rows if not keep else rows[:keep]:
                print(name, *row, sep="\t")


main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
