//! The catalog entry of WeChat.

use crate::{
    provider::spec::{Category, Field, Rate, Spec, Webhooks},
    record::Kind,
};

/// What is constant about WeChat.
pub static SPEC: Spec = Spec {
    rank: 15,
    id: "wechat",
    name: "WeChat",
    aliases: &["weixin", "微信"],
    category: Category::Social,
    kinds: &[Kind::Message],
    capabilities: &["Official account broadcasts"],
    help: "Everything stands at mp.weixin.qq.com > 设置与开发 > 开发接口管理 > 基本配置. The account must be \
           certified (认证), and this server's public address must be in its IP whitelist there.",
    fields: &[
        Field {
            name: "app_id",
            label: "AppID",
            help: "基本配置 > AppID.",
            secret: true,
            required: true,
            pattern: r"wx\S+",
            ..Field::BASE
        },
        Field {
            name: "app_secret",
            label: "AppSecret",
            help: "基本配置 > AppSecret.",
            secret: true,
            required: true,
            ..Field::BASE
        },
        Field {
            name: "webhook_token",
            label: "Token",
            help: "For webhooks: chosen by yourself, 3 to 32 letters and digits, as Token in the \
                   server settings.",
            secret: true,
            pattern: "[0-9A-Za-z]{3,32}",
            ..Field::BASE
        },
        Field {
            name: "encoding_aes_key",
            label: "EncodingAESKey",
            help: "For webhooks in safe or mixed mode: the 43 characters in the server settings.",
            secret: true,
            pattern: r"\S{43}",
            ..Field::BASE
        },
    ],
    hosts: &["api.weixin.qq.com"],
    // Daily quotas differ by account; there is a limit by the minute, too.
    rate: Rate::per_second(2),
    webhooks: Webhooks::Offered,
    ..Spec::BASE
};
