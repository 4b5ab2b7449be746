/**
 * Labelled texts, written before the detector that they measure. `developed` was
 * looked at while the detector was mended, `held_out` was not. A line is the kind
 * of personal data and the text, or `clean` and a text that looks alike.
 */

const lines = (text: string): readonly { readonly kind: string; readonly text: string }[] => text.trim().split('\n').map((line) => {
  const bar = line.indexOf('|');
  return { kind: line.slice(0, bar), text: line.slice(bar + 1).replaceAll('\\n', '\n').replaceAll('\\z', '\u200b').replaceAll('\\s', '\u00ad').replaceAll('\\h', '\u2011').replaceAll('\\_', '\u00a0') };
});

/** 170 texts with personal data, 130 without. */
export const developed: readonly { readonly kind: string; readonly text: string }[] = lines(String.raw`
email|Please forward the contract to jane.doe@acme-corp.com before Friday.
email|reply-to: support+ticket-8812@helpdesk.example.io
email|mailto:karl.heinz@web.de?subject=Hallo
email|<o'connor_7@mail.example.ie> wrote on Monday
email|user=anna@localhost.localdomain; role=admin; mail=anna.k@posteo.net
email|j.o.h.n (at) example (dot) org
email|mary AT example DOT com
email|john.smith@example&#46;com or bob@example.com
email|Kontakt: björn@bücher.example
email|ｂｏｂ＠ｅｘａｍｐｌｅ．ｃｏｍ
email|{"contact":"zoe@startup.dev"}
email|cc: first.last@sub.domain.museum, other@x.co
email|al\zice@exa\zmple.com
email|write me: tom[at]example.org
phone|Call me at 212-555-0187 after five
phone|(646) 555-0199 is my cell
phone|+1 (415) 555-2671
phone|My number is 0171 2345678
phone|Mobile: 07700 900123
phone|UK mobile 07700 900 982
phone|tél. 06 12 34 56 78
phone|Telefon 030 / 901820
phone|WhatsApp: +55 11 91234-5678
phone|contact +91 98765 43210
phone|ring +61 4 1234 5678 anytime
phone|phone: 4155552671
phone|tel:+4915112345678
phone|Fax. 1-800-555-0100 ext 12
phone|電話 03-1234-5678
phone|手机号 13812345678
phone|Handy 0049 151 23456789
phone|call 555-0134, ask for Bob (phone)
phone|+86 138 1234 5678
phone|{"phone_number": "2025550143"}
phone|telefono: 612 345 678
phone|cell# 303.555.0112
ssn|SSN 219-09-9999
ssn|Social Security Number: 457 55 5462
ssn|social security no. 457555462
ssn|his SSN is 219099999
ssn|ssn=219.09.9999
ssn|Social: 536‑22‑1234
ssn|{"ssn": 457555462}
ssn|Her social security number (078-05-1120) was leaked
tax-id|ITIN 912-78-1234
tax-id|EIN: 12-3456789
tax-id|Employer Identification Number 98-7654321
tax-id|Steuer-ID: 86 095 742 719
tax-id|Steueridentifikationsnummer 57874521394
tax-id|VAT number DE136695976
tax-id|UTR 1234567890
tax-id|TFN 252 427 316
tax-id|tax file number: 355150587
tax-id|codice fiscale RSSMRA85T10A562S
tax-id|BNCGLI79D52F205Y
tax-id|PAN ABCPE1234F
tax-id|permanent account number: BXZPS4821K
tax-id|CNPJ 11.222.333/0001-81
card|4539 5260 1815 9083
card|mastercard 2221301661318601 exp 04/28 cvv 123
card|Visa: 4539-5260-1815-9083
card|378246281948219 (amex)
card|card no 6011993518190939
card|JCB 3530 7865 7975 4323
card|Diners 3631 948757 4917
card|6218625276018958
card|Maestro 6759 5597 9711 4712
card|{"pan":"5412913909960309"}
card|４５３９５２６０１８１５９０８３
card|cc=4539.5260.1815.9083
card|pay with 4539\_5260\_1815\_9083 please
iban|FR10 3000 6000 0104 9746 5075 289
iban|NL91ABNA0417164300
iban|es91 2100 0418 4502 0005 1332
iban|IBAN: IT60X0542811101000000123456
iban|PL61-1090-1014-0000-0712-1981-2874
iban|SE45 5000 0000 0583 9825 7466 today
iban|Überweisung auf CH93 0076 2011 6238 5295 7
iban|BE68539007547034
iban|konto NO93 8601 1117 947
bank-account|account number 12345678, sort code 20-00-00
bank-account|routing number 021000021 account 9876543210
bank-account|Kontonummer 532013000 BLZ 37040044
bank-account|acct no: 000123456789
ip|login attempt from 198.51.100.23 failed
ip|client_ip=203.0.113.77
ip|user IP address: 192.168.1.42
ip|2a02:8109:9a80:1c2c:5d3f:77ab:1:2 connected
ip|X-Forwarded-For: 93.184.216.34
ip|remote addr 2001:db8:85a3::8a2e:370:7334
mac|device MAC 3c:22:fb:9a:10:44
mac|mac address: 00-1A-2B-3C-4D-5E
birth-date|DOB 03/12/1984
birth-date|Date of birth: 12.03.1984
birth-date|born on March 12, 1984
birth-date|née le 12 mars 1984
birth-date|geb. 12.03.1984 in Berlin
birth-date|geboren am 4. Mai 1971
birth-date|fecha de nacimiento: 12/03/1984
birth-date|{"date_of_birth":"1990-05-12"}
birth-date|{"dateOfBirth": "1990-05-12"}
birth-date|birthday is 7 July 1999
birth-date|D.O.B.: 1-2-79
birth-date|data di nascita 10/12/1985
passport|Passport number: 533401372
passport|passport no. C01X00T47
passport|US passport 488839667 expires 2030
passport|Reisepass C01X0006H
passport|{"passport_number":"AB1234567"}
passport|pasaporte AAA123456
passport|P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10
driving-licence|driver's license: D123-4567-8901
driving-licence|Driving licence MORGA753116SM9IJ
driving-licence|DL# S99988801
driving-licence|Führerschein B072RRE2I55
driving-licence|drivers license number Y1234567
national-id|NI number AB 12 34 56 C
national-id|National Insurance: JG103759A
national-id|NINO: AB123456C
national-id|NHS no: 387 500 4744
national-id|nhs number 3957551315
national-id|Personalausweis T220001293
national-id|Ausweisnummer L01X00T471
national-id|NIR 1 84 05 33 063 125 89
national-id|numéro de sécurité sociale 292067511420820
national-id|DNI 48213975-H
national-id|NIE Y4821397J
national-id|BSN 595711777
national-id|burgerservicenummer: 885393363
national-id|PESEL 85071212347
national-id|personnummer 811228-9874
national-id|CPF 917.034.236-90
national-id|cpf: 67127684200
national-id|Aadhaar 6684 6563 2121
national-id|aadhaar no 923307924408
national-id|Medicare 4293 05184 1
national-id|SIN 512 304 981
national-id|social insurance number 046454286
national-id|AHV 756.9217.0769.85
national-id|756.3048.5094.83
national-id|henkilötunnus 131052-308T
national-id|身份证号 11010519491231002X
national-id|rijksregisternummer 85.07.30-033.28
national-id|CUIT 20-12345678-6
national-id|CURP HEGG560427MVZRRL04
national-id|RUT 12.345.678-5
national-id|NRIC S1234567D
national-id|TC Kimlik No 10000000146
national-id|South African ID 8001015009087
national-id|national id number 29001011234567
medical-record|MRN 4471902
medical-record|medical record number: AX-220193
medical-record|patient id 88123907
medical-record|health insurance number: 1EG4-TE5-MK73
medical-record|Versichertennummer A123456780
medical-record|Medicare beneficiary 1EG4TE5MK73
name|My name is Maria Gonzalez and I need help
name|Dear Mrs. Thompson, your parcel is here
name|Patient John Smith was discharged today
name|Mr. Robert O'Neill called twice
name|{"first_name":"Alice","last_name":"Walker"}
name|{"fullName": "Pierre Dubois"}
name|Customer: Emily Clark, tier gold
name|Herr Müller hat angerufen
name|Name: Hans Meier
name|I am Sarah Connor, cancel my order
name|employee name - David Lee
name|Signed, Katherine Johnson
address|I live at 221B Baker Street, London
address|ship to 1600 Pennsylvania Avenue NW, Washington, DC 20500
address|Address: 742 Evergreen Terrace, Springfield, IL 62704
address|Hauptstraße 12, 10115 Berlin
address|wohnhaft Lindenallee 7a
address|12 rue de la Paix, 75002 Paris
address|Calle Mayor 5, 28013 Madrid
address|P.O. Box 4471, Denver, CO 80202
address|{"street":"15 Elm Rd","zip":"90210"}
location|lat 52.520008, lon 13.404954
location|{"latitude": 40.712776, "longitude": -74.005974}
location|GPS: 48.8584, 2.2945
health|patient diagnosed with HIV, named Tom Baker
clean|Order #4539526018159084 has shipped
clean|tracking 1Z999AA10123456784
clean|invoice INV-2024-000123 due 2024-12-01
clean|version 10.4.22.1 is out
clean|upgrade from v2.3.4.5 to v2.3.4.6
clean|127.0.0.1:5432 refused the connection
clean|bind 0.0.0.0 port 443
clean|subnet 10.0.0.0/8
clean|uuid 550e8400-e29b-41d4-a716-446655440000
clean|sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
clean|commit 3d1f9a4b7c
clean|ISBN 0-306-40615-2
clean|ISBN-13: 9780306406157
clean|ISSN 2049-3630
clean|DOI 10.1000/182.2019.12345
clean|EAN 4006381333931
clean|2024-03-12T10:15:30.123Z INFO started
clean|2019-2020 budget grew by 3.5 %
clean|from 09:30 to 17:00
clean|1,234,567 rows in 12.345 s
clean|The answer is 42.
clean|pi is 3.141592653589793
clean|E = 2.718281828
clean|port 8443, pid 123456
clean|epoch 1712345678901
clean|snowflake 1052938475610294857
clean|SKU 123-45-67
clean|part no 12-3456-78
clean|serial SN-88341-AX-2201
clean|ticket 2025550143 closed
clean|model X-100-2000-3000
clean|RFC 7519 section 4.1.2
clean|temperature 37.2 to 39.9 degrees
clean|coordinates of the point are (3, 4)
clean|matrix [[1,2],[3,4]]
clean|score 3-2-1, then 10-0
clean|call sum(1, 2, 3)
clean|call order of the hooks matters
clean|phone support is available on weekdays
clean|our telephone hotline opens at 9
clean|email us through the contact form
clean|the @ sign and @mentions
clean|@angular/core@17.0.2
clean|git clone git@gitlab.com:group/project.git
clean|ssh deploy@10.0.0.5
clean|import {x} from "@scope/package"
clean|user@host:~$ ls
clean|npm install left-pad@1.3.0
clean|docker pull ghcr.io/org/app@sha256:0f3c
clean|at sign dot com is how people obfuscate
clean|look at example.com for details
clean|meet at noon. dot the i
clean|Social security reform was debated
clean|ssn is a column name in the schema
clean|the passport office opens at 8
clean|passport.js strategy 2.0
clean|password reset link expires in 24 hours
clean|driver license agreements for NVIDIA drivers
clean|driver version 535.154.05
clean|date of birth is a required field
clean|The company was born in 1998 in a garage
clean|birth rates fell in 2020
clean|Born to Run (1975) by Springsteen
clean|tax rate 19 % applies
clean|VAT is 20 percent
clean|IBAN validation uses mod 97
clean|GB is a country code, DE too
clean|DE12345
clean|credit card payments are accepted
clean|credit card number 1234 5678 9012 3456 is a placeholder
clean|4111-1111-1111-1112
clean|0000 0000 0000 0000
clean|1111222233334444
clean|5555 5555 5555 5555
clean|hex 4a:4f:48:4e is JOHN
clean|MAC users prefer brew
clean|00:00:00:00:00:00
clean|12:34:56 elapsed
clean|a::b namespace, std::vector<int>
clean|fe80::1%lo0
clean|::1
clean|ratio 16:9:4
clean|The Mr. Men books
clean|Dr. Pepper and Dr Martens
clean|Customer Success Manager wanted
clean|Patient Safety Committee minutes
clean|Employee Handbook 2024
clean|User Guide Version 3
clean|Name: default
clean|name: my-service
clean|My name is irrelevant here
clean|{"name":"left-pad","version":"1.3.0"}
clean|Main Street businesses recover
clean|Wall Street fell 3 percent
clean|Road to Rome
clean|Abbey Road was released in 1969
clean|12 Angry Men
clean|500 Internal Server Error
clean|404 Not Found
clean|200 OK in 35 ms
clean|Drive 2 is full
clean|court ruling 2019/123
clean|The 3 Street Fighter games
clean|lat is short for lateral
clean|SELECT id FROM users WHERE age > 30
clean|const total = 123456789012;
clean|0x1F4A9B33
clean|#ff8800
clean|base64 aGVsbG8gd29ybGQ=
clean|chapter 3.2.1.4
clean|OID 1.3.6.1.4.1.311
clean|section 5.6.7.8 of the standard
clean|patient care improved by 12 percent
clean|medical record systems cost 3 million
clean|NHS waiting lists grew to 7600000
clean|BSN stands for Bachelor of Science in Nursing
clean|SIN(45) is 0.7071067811
clean|PAN tilt zoom camera
clean|the CPF board met in 2021
clean|RUT depth 12 mm
clean|Ein 12-Zylinder-Motor
clean|pesel means seed in no language
clean|ref 756-921-707
clean|job 20240312-101530-77
clean|room 12, floor 3, building 7
clean|license MIT, Apache-2.0
clean|flight LH 4471 at 10:45
clean|train ICE 1234 from platform 7
clean|2 + 2 = 4; 10 / 3 = 3.3333333333
clean|bank holiday on 26-12-2024
clean|account settings page 3
clean|my account was charged 20 dollars
`);

/** 90 texts with personal data, 80 without; never looked at while the detector was written. */
export const held_out: readonly { readonly kind: string; readonly text: string }[] = lines(String.raw`
email|you can reach our CFO at l.marchetti@finanza-italia.it
email|From: "Ops" <ops-oncall@infra.example.net>
email|notify peter_parker99@dailybugle.example and nobody else
email|support at our site or nina{at}example{dot}se
email|["x","y@z.co.jp"]
email|login=ivan.petrov%40mail.example
email|Ünal.Öz@örnek.example
phone|please ring 020 7946 0321 (office phone)
phone|+49-89-636-48018
phone|Tel 01 42 68 53 00
phone|(303) 555-0162
phone|mobile no. 9876543210
phone|+7 495 123-45-67
phone|call or text 702.555.0171
phone|my cell is 5035550188
phone|Rufnummer: 0221-4710
phone|{"mobile":"+34 612 345 678"}
phone|fax 0044 20 7946 0999
ssn|applicant social 302-44-9081
ssn|SSN#: 302449081
ssn|social-security-number 302 44 9081
ssn|{"employee":{"SSN":"302-44-9081"}}
tax-id|ITIN: 988-91-4521
tax-id|federal EIN 47-1234567
tax-id|the TIN is 302-44-9081
tax-id|partita IVA / codice fiscale: BNCGLI79D52F205Y
tax-id|income tax PAN: AKJPV8812Q
card|charged to 5412 9139 0996 0309 yesterday
card|amex ending: 3782 462819 48219
card|number=6011-9935-1819-0939&cvc=123
card|cc 6759559797114712
card|卡号 6218 6252 7601 8958
iban|DE44 5001 0517 5407 3249 31
iban|at611904300234573201
iban|Please wire to PT50 0002 0123 1234 5678 9015 4.
iban|"iban":"NO9386011117947"
bank-account|checking account # 000987654321
bank-account|sort code 40-47-84, account 70872490
ip|visitor 81.2.69.142 opened the page
ip|source address 2600:1f18:4a3:6902:9df1:2d69:68d8:4f5a
ip|ip: 10.20.30.40 (employee laptop)
mac|hwaddr a4:83:e7:2f:19:0c of Anna's phone
birth-date|patient's birth date: 1961/07/23
birth-date|born 23 July 1961
birth-date|Geburtsdatum: 23.07.1961
birth-date|né le 23/07/1961
birth-date|nacido el 23 de julio de 1961
birth-date|{"dob":"19610723"}
birth-date|date-of-birth = Jul 23, 1961
passport|travel document: passport EG4471902
passport|Passport No 21AB45678
passport|numéro de passeport 19CK44719
driving-licence|driver license # F255-921-50-094-0
driving-licence|permis de conduire 890199100012
driving-licence|{"drivers_license":"B8812007"}
national-id|NI no. CE 80 44 51 B
national-id|nhs: 3875004744
national-id|Perso-Nr. L01X00T471 (Personalausweis)
national-id|n° sécu 1840533063125 89
national-id|dni: 48213975h
national-id|my BSN is 885393363
national-id|nr PESEL: 44051401359
national-id|Personal number 900512-2396 (personnummer)
national-id|529.982.247-25
national-id|UIDAI Aadhaar number: 9233-0792-4408
national-id|Canadian SIN: 046-454-286
national-id|AVS 756.9217.0769.85
national-id|HETU: 131052-308T
national-id|ID card number 110105 19491231 002X, resident identity card
national-id|medicare number 2123 45670 1
medical-record|Record for MRN#00812277
medical-record|patient number: P-4471-22
medical-record|insurance member ID: XWB123456789
name|Dear Mr. Anderson, welcome
name|patient: Olivia Brown, room 4
name|The customer, Mrs. Irene Adler, complained
name|my full name is Chen Wei
name|{"lastName":"Okafor","city":"Lagos"}
name|Frau Schneider ist krank
name|Best regards,\nThomas Wright
name|Contact person: Laura Bianchi
name|hi, I'm Jonas Lindqvist from Malmö
address|deliver it to 10 Downing Street, SW1A 2AA
address|home address: 55 Rue du Faubourg Saint-Honoré
address|Bahnhofstr. 21, 8001 Zürich
address|4 Privet Drive, Little Whinging
address|Apt 5B, 350 Fifth Avenue, New York, NY 10118
address|Via Roma 10, 00184 Roma
location|last seen at 37.774929, -122.419416 (GPS)
location|geo: lat=-33.8688, lng=151.2093
clean|parcel JD014600006281230704 left the depot
clean|Invoice 302449081 was paid
clean|order 5412913909960308 is on hold
clean|build 2024.3.0.1187
clean|firmware 7.1.2.9 fixes a bug
clean|listen 192.168.0.1:80
clean|0.0.0.0/0 is open
clean|guid {6F9619FF-8B86-D011-B42D-00CF4FC964FF}
clean|md5 d41d8cd98f00b204e9800998ecf8427e
clean|ISBN 978-0-13-468599-1
clean|UPC 036000291452
clean|log 20241122T093401Z worker-7 took 1200ms
clean|fiscal years 2021/2022 and 2022/2023
clean|population 8,336,817 in 2020
clean|CVE-2024-21626 is fixed
clean|RFC 3339, ISO 8601, IEEE 754
clean|0.1 + 0.2 = 0.30000000000000004
clean|nanoseconds 1712345678901234567
clean|process 81234 exited with 137
clean|case 12-cv-04321 was dismissed
clean|lot 22-0915-7
clean|item 987-65-432
clean|catalog 555-01
clean|10-20-30 rule of slides
clean|callback(500, 20, 7946)
clean|the phone rang twice
clean|phone: not provided
clean|email: none
clean|e-mail is required
clean|pnpm add vite@5.4.1
clean|ssh root@localhost
clean|hg@bitbucket.org:team/repo
clean|decorators like @Injectable() and @Input
clean|we met at the station. Dot matrix printers are loud
clean|SSNs must never be stored in plain text
clean|passport renewal takes 6 weeks
clean|your driver will arrive in 5 minutes
clean|licence key agreements changed in 2022
clean|the birth of jazz, 1895 to 1917
clean|founded 12 March 1984 in Lyon
clean|released on 1984-03-12
clean|tax 2023 form 1040
clean|the account was created in 2019
clean|account manager meeting at 10
clean|card game for 4 players
clean|6011 0000 0000 0000
clean|3782-8224-6310-005
clean|cluster 10.1.2.3 is healthy
clean|ab:cd:ef
clean|11:22:33:44
clean|use std::chrono::seconds
clean|Foo::Bar::baz(1)
clean|Mrs. Doubtfire is a film
clean|Dr. No premiered in 1962
clean|User Interface Design principles
clean|Client Side Rendering explained
clean|Name: api-gateway, Kind: Service
clean|filename: report.pdf
clean|{"username":"svc_backup"}
clean|5 Avenue of approach were considered
clean|Sesame Street turns 50
clean|Court of Appeal, 3rd division
clean|take the high road
clean|Via email or post
clean|3.5 GHz, 16 GB, 512 GB
clean|latitude for interpretation remains
clean|median 40.71, mean 74.00
clean|UPDATE t SET n = 123456789 WHERE id = 44
clean|let a = [4111, 1111, 1111];
clean|color rgb(255, 128, 0)
clean|hash 0123456789abcdef0123456789abcdef
clean|the NHS app has 30 million users
clean|SIN curve, COS curve
clean|a sin of omission
clean|PAN card readers are sold out
clean|medical records must be kept 10 years
clean|patient zero is a myth
clean|bank branch 12
clean|routing table has 500000 entries
clean|GPS is accurate to 3 m
clean|I am Groot is a quote
clean|Regards from the whole team
clean|signed integer overflow
`);
