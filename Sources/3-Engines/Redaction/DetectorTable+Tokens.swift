import GloveboxCore

/// Tokens that say what they are: a literal that the vendor puts first, and what follows it. Formats are taken from the
/// vendors' documentation; the samples were drawn at random.
extension DetectorTable {
    static let tokens: [Entry] = [
        .token("aws_access_key", ["AKIA", "ASIA", "ABIA", "ACCA"], "[A-Z0-9]{16}", sample: "JQGUKB00EGIU420N"),
        .token("gcp_api_key", ["AIza"], "[A-Za-z0-9_-]{35}", sample: "MUo6rVVbFohz1fZFNkPCMGFMQswSTsQKnH5"),
        .token("google_oauth_token", ["ya29."], "[A-Za-z0-9_-]{20,}", sample: "BRtO21OkPDAzpnTRIspVmuc6J"),
        .token(
            "google_refresh_token", ["1//0"], "[A-Za-z0-9_-]{28,}", validator: .threeClasses,
            sample: "7oRj1bKKZ7t3HsIxlbWOH6mDhMbLL1FHy"),
        .token("google_client_secret", ["GOCSPX-"], "[A-Za-z0-9_-]{24,}", sample: "4SAzpzUruZ8dhwwuD1qKH8djVAEkv"),
        .token(
            "azure_storage_key", ["AccountKey=", "SharedAccessKey=", "account_key="], "[A-Za-z0-9+/]{40,}={0,2}",
            ignoresCase: true, isMasked: false, sample: "GFVQpF9qxTqCyBMOggsAKB7qvh5I5T3IaRGYGNPM2OGTI"),
        .token(
            "azure_sas_signature", ["sig="], "[A-Za-z0-9%+/]{40,}={0,2}", validator: .mixed, isMasked: false,
            sample: "jY4IpFcfALM0oTZ82G61SNXnTJruGARD4YXvSZ15dzGEk"),
        .token(
            "github_token", ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], "[A-Za-z0-9]{30,}",
            sample: "eN96AsuhE7wjn9VtALRSm29GACNvNn8ZsmF"),
        .token(
            "github_fine_grained_token", kind: .apiKey, ["github_pat_"], "[A-Za-z0-9_]{22,}",
            sample: "l2XyScDzpI4nY52jZZQAzx7dFl3"),
        .token(
            "gitlab_token",
            ["glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glsoat-", "glimt-", "glagent-", "gloas-"],
            "[A-Za-z0-9_.-]{20,}", sample: "fUOxMSc4VYNnDWIFv0XBwHePi"),
        .token("gitlab_runner_token", ["GR1348941"], "[A-Za-z0-9_-]{20,}", sample: "JSxuAIrXWhJBObhcP7ZYsi1s6"),
        .token(
            "slack_token",
            [
                "xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxo-", "xoxc-", "xoxd-",
                "xoxe-", "xoxe.xoxp-", "xoxe.xoxb-", "xapp-",
            ],
            "[A-Za-z0-9%-]{16,}", sample: "SgmptSnwxFpfRWvIdqv2P"),
        .token(
            "slack_webhook", kind: .apiKey, ["hooks.slack.com/services/", "hooks.slack.com/workflows/"],
            "[A-Za-z0-9/_-]{20,}", isMasked: false, sample: "fIW25U5o5jJovsurri6wHvRpC"),
        .token(
            "stripe_key", ["sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"], "[A-Za-z0-9]{16,}",
            sample: "hMXZNigtT0eoL85IIR4Bk"),
        .token("anthropic_key", ["sk-ant-"], "[A-Za-z0-9_-]{20,}", sample: "q6E4xKVRPxqUFJQQGITEfCgCe"),
        .token(
            "openai_key", ["sk-"], "[A-Za-z0-9_-]{20,}", validator: .threeClasses, sample: "eZt3gvqGp5I0tTgja79Kdcr5x"),
        .token("npm_token", ["npm_"], "[A-Za-z0-9]{36,}", sample: "he1JLMMSHMcZdE2x2xToiHzNu503NuT3NgSb2eGXh"),
        .token(
            "pypi_token", ["pypi-"], "[A-Za-z0-9_-]{50,}",
            sample: "PvzLjkX0SJAVzYJSg634uIgELm0ghCH3R4ak6FiMm15rcca7tCtrL1L"),
        .token(
            "sendgrid_key", ["SG."], "[A-Za-z0-9_-]{16,}\\.[A-Za-z0-9_-]{16,}",
            sample: "0zGftmkvoTKP9R9OHGjsi.bVyPiuKgDcFgBSB5QxWQ7"),
        .token("twilio_key", ["SK", "AC"], "[0-9a-f]{32}", sample: "9c2b015572ed106ce29e9a3e6431b565"),
        .token(
            "digitalocean_token", ["dop_v1_", "doo_v1_", "dor_v1_"], "[a-f0-9]{64}",
            sample: "13adb17624e4bac9fe05ee3df380cdeae535a2a8a43983babca37282c7ca6a2a"),
        .token(
            "shopify_token", ["shpat_", "shpca_", "shppa_", "shpss_"], "[A-Fa-f0-9]{32}",
            sample: "946C9AeD31De4AA9D698B7b2bff5C4DC"),
        .token(
            "huggingface_token", ["hf_", "api_org_"], "[A-Za-z0-9]{30,}",
            sample: "P10Qlc1dfC5Cz3z6zwpdFL5KlhnNjnym8kP"),
        .token(
            "mailgun_key", ["key-"], "[A-Za-z0-9]{32}", validator: .mixed, sample: "MPSCI7W9l1vu5md6uUcfA6TmHXvM2Sx3"),
        .token(
            "square_token", ["sq0atp-", "sq0csp-", "sq0idp-"], "[A-Za-z0-9_-]{22,}",
            sample: "Jmlt02kuhLD3y3OQLhCxgAowGMG"),
        .token(
            "square_access_token", ["EAAA"], "[A-Za-z0-9_-]{56,}", validator: .threeClasses,
            sample: "ed8hRO5Db9PSzxVTPWfbqE65NN4N9ufd1pUJdqi9ZEBwJeNklvgDetQAGgdCO"),
        .token("heroku_key", ["HRKU-"], "[A-Za-z0-9_-]{36,}", sample: "HqyBI75E7OYhBjVNQpujR9UNtO4aDQ9pinvAhPscV"),
        .token("databricks_token", ["dapi"], "[a-h0-9]{32}", sample: "523cc47f0ecebehdagc2hb7he4d609gb"),
        .token("docker_token", ["dckr_pat_", "dckr_oat_"], "[A-Za-z0-9_-]{20,}", sample: "UZEbcbajH7o0vOk1sovg3mtPU"),
        .token(
            "doppler_token", ["dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit."], "[A-Za-z0-9._-]{40,}",
            sample: "G444i2B6MA43g1CV6K3y03qaVDOJQTeqnySGUEOoldmgO"),
        .token(
            "linear_key", ["lin_api_", "lin_oauth_"], "[A-Za-z0-9]{32,}",
            sample: "6SAqpNY1jHNF0cZ5e0ngaNIFh8IZerl41hgit"),
        .token(
            "notion_token", ["ntn_", "secret_"], "[A-Za-z0-9]{40,}",
            sample: "iDkdPFYUE4FnyXINCCPIBGrIQebjkQKx3xdxL6I54CMH6"),
        .token(
            "newrelic_key", ["NRAK-", "NRJS-", "NRII-", "NRIQ-"], "[A-Za-z0-9_-]{19,}",
            sample: "hWd9eU0u2DUV1wY5G4z7B85s"),
        .token(
            "planetscale_token", kind: .apiKey, ["pscale_tkn_", "pscale_pw_", "pscale_oauth_"], "[A-Za-z0-9_.=-]{32,}",
            sample: "wc9LEohxcjIMUnvoqbnMvvrKWC4rjkJpTtW2t"),
        .token(
            "postman_key", ["PMAK-"], "[A-Fa-f0-9]{24}-[A-Fa-f0-9]{34}",
            sample: "7cC85b03B7AA937845f59b0C-e6a9429D0C7D65F10EdE66d9df68F1fe9c"),
        .token("pulumi_token", ["pul-"], "[a-f0-9]{40}", sample: "014da39e490531438ce2d309c29e6cbb32ebf4b2"),
        .token(
            "rubygems_key", kind: .apiKey, ["rubygems_"], "[a-f0-9]{48}",
            sample: "a279bbebefa62d1bfbd23ed37d1dcfb76ab656fea24a3982"),
        .token("vault_token", ["hvs.", "hvb.", "hvr."], "[A-Za-z0-9_-]{24,}", sample: "jnwTnPHu1HKRF7O7Rt7dpTrTPFRCS"),
        .token(
            "terraform_token", [".atlasv1."], "[A-Za-z0-9_=-]{60,}", before: ("[A-Za-z0-9]", 14...14),
            sampleBefore: "FTkKld7R30bEF2",
            sample: "qXyeOEI8erSWvvEsQZ6NcbtvwUqTYAWleKvXg4BdcienlccfUzWvzTkDGzplVAFeg"),
        .token(
            "atlassian_token", ["ATATT3xFf", "ATCTT3xFf", "ATBB"], "[A-Za-z0-9_=-]{24,}",
            sample: "o8sW5IicLJ15IlHBfoQSQoSJINmfo"),
        .token(
            "artifactory_key", ["AKCp"], "[A-Za-z0-9]{60,}",
            sample: "qU5qpjKnF1fbarzzPbAjtCR2YkurjWDzxFcLGcQTUMpyxCm4lsAN20uVFCfVJ2B8j"),
        .token(
            "grafana_token", ["glsa_", "glc_"], "[A-Za-z0-9_+/=]{32,}",
            sample: "Pod2eaBF6TdZhFu8hTN2tVOy2dGTrsWSYQ6ai"),
        .token("adafruit_key", ["aio_"], "[A-Za-z0-9]{28}", sample: "d1izXyD458VEFfZnmULogwXbTRbr"),
        .token("facebook_token", ["EAACEdEose0cBA"], "[A-Za-z0-9]{20,}", sample: "dwZnM3D6CayD6lRhDlxhz3K3u"),
        .token(
            "flyio_token", ["fo1_", "fm1r_", "fm2_"], "[A-Za-z0-9_+/=,-]{40,}",
            sample: "Hg1OJBcHB0zIW1hKkND1hQ7cQq5AZGdgIb3Xg3LGxXXhs"),
        .token(
            "sentry_token", ["sntrys_", "sntryu_"], "[A-Za-z0-9_+/=]{40,}",
            sample: "TwXdkS73zf1t1yObfya9SFFB8KiFW2b0pp5noXDHN7oyZ"),
        .token("supabase_key", ["sbp_", "sb_secret_"], "[A-Za-z0-9_]{20,}", sample: "KboHQwJQWHrPqTqn2z8NjotNg"),
        .token(
            "xai_key", ["xai-"], "[A-Za-z0-9]{70,}",
            sample: "54Zofsnge1a9bDLdHD2MPNslZpoPsKl98rupgKPZ2zFkoxNSAr5OHTpfJVvL0bIClvBVztyvvmo"),
        .token("groq_key", ["gsk_"], "[A-Za-z0-9]{40,}", sample: "fX4LfqEbtqXAzHx0qulEQgnjGS6MNSDBOK7OujSv2a0Pg"),
        .token(
            "perplexity_key", ["pplx-"], "[A-Za-z0-9]{40,}", sample: "bVa85ILTHrzF0xjmxuWC7F3sHYYTEBhie9nQYhJKpKJzs"),
        .token("replicate_token", ["r8_"], "[A-Za-z0-9]{37,}", sample: "7vO07ddrpSvsY3vYCeGps6tZFHjhttCtO0P6OYUDZA"),
        .token("figma_token", ["figd_"], "[A-Za-z0-9_-]{38,}", sample: "OmeVN442TtAWPLSOqCcWtf1bh3WM5kZRomYXGyS70vg"),
        .token("netlify_token", ["nfp_"], "[A-Za-z0-9]{36,}", sample: "KsRLbJE47ikn5mrl6Ps6xIjRW9o2oXXBmksKsZcvI"),
        .token("render_key", ["rnd_"], "[A-Za-z0-9]{28,}", sample: "Fk2Jp9ySbwujZUkhUrGn8DKW6Xn6swUON"),
        .token(
            "sourcegraph_token", ["sgp_", "sgd_"], "[A-Za-z0-9_]{32,}",
            sample: "2o7aowMnjMTBgP0YGFCZ8Y8qQjITb80Hc2zut"),
        .token("tailscale_key", ["tskey-"], "[A-Za-z0-9-]{20,}", sample: "KYfwdOQvHQw7xt49pwLR94dA3"),
        .token(
            "launchdarkly_key", ["sdk-", "mob-", "api-"],
            "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            sample: "6943140b-0f68-fe5b-7008-708193424f7d"),
        .token(
            "mapbox_token", ["sk.eyJ"], "[A-Za-z0-9_-]{40,}\\.[A-Za-z0-9_-]{20,}",
            sample: "e3HeioEkDONN3tN49061xCmjYGfQjMYebGWY8LouqAh6r.28UW7q1RnP9YyUaOssDuqnjWK"),
        .token(
            "shippo_token", kind: .apiKey, ["shippo_live_", "shippo_test_"], "[a-f0-9]{40}",
            sample: "b4da4d8a492854732803ddf9882ea4adc357430d"),
        .token(
            "braintree_token", kind: .apiKey, ["access_token$production$", "access_token$sandbox$"],
            "[a-z0-9]{16}\\$[a-f0-9]{32}", sample: "5jpl030setmbokk5$39cc4acee08691998fda871899dfee90"),
        .token("razorpay_key", ["rzp_live_", "rzp_test_"], "[A-Za-z0-9]{14,}", sample: "tmcvDRfOOqGWrH1klfU"),
        .token(
            "plaid_token", ["access-production-", "access-sandbox-", "access-development-"],
            "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            sample: "30540d44-0052-4803-875d-ce74205d468b"),
        .token(
            "easypost_key", ["EZAK", "EZTK"], "[A-Za-z0-9]{54}",
            sample: "tnhHDtFX2gIWlTSKQpONtJo1nf91J8bsshUC4tEimZ52WyRo3yVzp3"),
        .token(
            "duffel_token", kind: .apiKey, ["duffel_live_", "duffel_test_"], "[A-Za-z0-9_=-]{40,}",
            sample: "KMIgDIR9S74xPLeulSSa7o5MFW7ZAsDIJS0ylpLgv3dMU"),
        .token(
            "dynatrace_token", ["dt0c01.", "dt0s01.", "dt0s02."], "[A-Z0-9]{8,24}\\.[A-Z0-9]{60,}",
            sample: "GG0HY23E1M3UH80D.1IZR7ZCSQEW5QH80SK04CLY5A7EBB90FUJOYAXG3215ROS1PRA7XU1L3E5APHVAT8"),
        .token(
            "frameio_token", ["fio-u-"], "[A-Za-z0-9_=-]{60,}",
            sample: "AsFngKU3KzYjBMLGshL4LAcuuszJbJrUwC98ZAaPWQILVdgE7tCGA71IUapf3VGdw"),
        .token(
            "nuget_key", ["oy2"], "[a-z0-9]{43}", validator: .mixed,
            sample: "4r7u5eorbtk3arfvq6sa5mkthu8dwkfsomcuc3ddqq2"),
        .token(
            "clojars_token", ["CLOJARS_"], "[a-z0-9]{60}",
            sample: "jbb6uh1o1rnjm2d9w9scujwignbwdhh0t7435odotdbrlxdrmmqe4lorwuoq"),
        .token(
            "contentful_token", ["CFPAT-"], "[A-Za-z0-9_-]{40,}",
            sample: "c68pRTgtAsq25GwlCTTOyiLMMHbPzt9NrY1r1HKxI82YK"),
        .token(
            "buildkite_token", ["bkua_", "bkaj_", "bkpat_"], "[A-Za-z0-9]{32,}",
            sample: "EY5SYMSX11sKedQRfIYNYJPpKD5yHOGaAmrpR"),
        .token(
            "circleci_token", ["CCIPAT_", "CCIPRJ_"], "[A-Za-z0-9_]{40,}",
            sample: "3NHSAxOGsGfyp1WLG5BocinXN7GtMiUbmNnjalZJ0SPet"),
        .token("aiven_password", ["AVNS_"], "[A-Za-z0-9_-]{16,}", sample: "jZXVdSeeV2v2kJzgqBquz"),
        .token(
            "alibaba_access_key", ["LTAI"], "[A-Za-z0-9]{16,24}", validator: .threeClasses,
            sample: "QJRrAEqCljDYwm9dUmQv"),
        .token(
            "tencent_secret_id", ["AKID"], "[A-Za-z0-9]{32}", validator: .threeClasses,
            sample: "KV24maz9ju0aUg5Qaoi4dTJJcAIQHYJD"),
        .token("yandex_key", ["AQVN"], "[A-Za-z0-9_-]{35,38}", sample: "3n1yQ4lmHgWuD1AosBBlUL0uhkpKhefVwwUL"),
        .token(
            "onepassword_token", ["ops_eyJ"], "[A-Za-z0-9_-]{80,}={0,2}",
            sample: "4Ho0R2tw0kVfck8T5A3KIRFd1BtMJDpBQfIEfpGWChyDXREgeMo3uqjnEnO3cdC1jtF9KhYMKxBAi3l32XmVY"),
        .token(
            "sonar_token", ["sqp_", "squ_", "sqa_"], "[a-f0-9]{40}",
            sample: "b0da47f97ec7322c254afaea7e284a91ac9bd4a1"),
        .token(
            "brevo_key", ["xkeysib-", "xsmtpsib-"], "[a-f0-9]{64}-[A-Za-z0-9]{16}",
            sample: "0926e68a485cbf888cf00b812ada5238743f0af69aee70ac5f5e2bd4ad81eea6-f9dUOoc5z98RvGRz"),
        .token(
            "mailersend_key", ["mlsn."], "[a-f0-9]{64}",
            sample: "4ed2cb9e4b2bba863cb4039e947b362de967739c39961353da6713713e35f4d2"),
        .token("resend_key", ["re_"], "[A-Za-z0-9]{8}_[A-Za-z0-9]{24}", sample: "yDy2sl1V_7E9nfCuvngmbdHMZCk0OhYAV"),
        .token(
            "telegram_bot_token", [":AA"], "[A-Za-z0-9_-]{32,33}", before: ("[0-9]", 8...10), sampleBefore: "04232325",
            sample: "knw1v6hCZAeDg88Bu9llmh67PVIgulYd"),
        .token(
            "mailchimp_key", ["-us"], "[0-9]{1,2}", before: ("[0-9a-f]", 32...32),
            sampleBefore: "7c3d3a9e2446a7c9a70eeda77a1baa77", sample: "0"),
        .token(
            "discord_webhook", kind: .apiKey, ["discord.com/api/webhooks/", "discordapp.com/api/webhooks/"],
            "[0-9]{17,20}/[A-Za-z0-9_-]{60,}", isMasked: false,
            sample: "975613913150522606/nD56CcYdRDjORQZVBBFCSbFZukZseyZYzS92Rdovo2dpwIFCEnlwjYPKSM8hZ1KgX"),
        .token(
            "azure_client_secret", ["Q~"], "[A-Za-z0-9_~.-]{31,34}", before: ("[A-Za-z0-9_~.-]", 4...4),
            sampleBefore: "MGE2", validator: .threeClasses, sample: "gZo4XVqG7hElGM5qawayzGAI7cbAMBDd"),
        .token(
            "age_secret_key", ["AGE-SECRET-KEY-1", "AGE-SECRET-KEY-PQ-1"], "[0-9A-Z]{58,}",
            sample: "BIEPBYX3VEKTASZRP0FUVYDRA31230O74HR4SCCEGD7C3151N849U0CI1GWBZ04"),
        .token(
            "asaas_key", ["$aact_"], "[A-Za-z0-9+/=:]{40,}", sample: "UwH55p3QSiNUsiLEnHOxQQPAYEfhYYP7d3tSOH3YaLbac"),
        .token("adobe_client_secret", ["p8e-"], "[A-Za-z0-9-]{32}", sample: "ImGdhXQ7H7hc2oEnZTIJL1M02QURM9XN"),
        .token(
            "readme_key", ["rdme_"], "[a-z0-9]{60,}",
            sample: "jmb0srbup5zpccccvf3u3hu4ygwj4gdzy2c25eki39s3mw7050pjas851m1qiug4z"),
        .token("prefect_key", ["pnu_", "pnb_"], "[A-Za-z0-9]{36}", sample: "Xx0WRzX94egDRQUMLeF5wDxsqEAhBUo5eOPL"),
        .token(
            "typeform_token", ["tfp_"], "[A-Za-z0-9_.=-]{40,}",
            sample: "eyYMs7WkXUvZ1kbhuk2bPr0afkYIqIXe4ujtz9D5ScZTF"),
        .token(
            "scalingo_token", ["tk-us-"], "[A-Za-z0-9_-]{48,}",
            sample: "Tf9cWSixqADqBQpegaXnzXPRIWFZvkk6lfLLu7QsvKwIqRy4HEEt1"),
        .token(
            "ngrok_key", kind: .apiKey, ["ngrok_"], "[A-Za-z0-9_]{40,}",
            sample: "Rv4Ei12ZxR7fMlaXDW6kq6rwV4ZUdVbMOnFJtz3lybYdG"),
        .token("zuplo_key", ["zpka_"], "[a-z0-9]{32}_[a-z0-9]{8}", sample: "fiy5a1r6wem2tvnfzn3bivu88d8nhe10_wn9g31eu"),
        .token(
            "weights_and_biases_key", ["wandb_v1_"], "[A-Za-z0-9_-]{30,}",
            sample: "0dqu23vFjXD3dzH9j0EPrrOlRrFpqC2gl2u"),
        .token(
            "langchain_key", ["lsv2_pt_", "lsv2_sk_"], "[a-f0-9]{32}_[a-f0-9]{10}",
            sample: "1a63ac2657dfab5d875dd05a806d359b_30d63661ff"),
        .token("glovebox_token", ["gbl_", "gbi_", "gba_"], "[0-9a-hjkmnp-tv-z]{16,}", sample: "87g4374tqd6vdn4nrcyws"),
    ]
}
