"""The sizes of the networks in `specs/`, and who publishes them: timm's name of the same network, or a paper."""

from __future__ import annotations

from typing import NamedTuple


class Published(NamedTuple):
    """How many parameters a variant of a spec has elsewhere.

    `source` is `timm:NAME`, or a text for people. `pixels`: with the weights of timm's module the outputs are compared
    too, for images of this size. `more`: how many more multiply-accumulates torch counts in timm's module, and why.
    `single`: what it computes in float32 even if all else is float64.
    """

    spec: str
    variant: str | None
    params: int
    source: str
    pixels: int = 0
    more: tuple[int, str] = (0, "")
    single: str = ""


SIZES = [
    Published("vision/mlp_mixer", "mixer_s32", 19_104_624, "timm:mixer_s32_224", 224),
    Published("vision/mlp_mixer", "mixer_s16", 18_528_264, "timm:mixer_s16_224"),
    Published("vision/mlp_mixer", "mixer_b32", 60_293_428, "timm:mixer_b32_224"),
    Published("vision/mlp_mixer", "mixer_b16", 59_880_472, "timm:mixer_b16_224"),
    Published("vision/mlp_mixer", "mixer_l32", 206_939_264, "timm:mixer_l32_224"),
    Published("vision/mlp_mixer", "mixer_l16", 208_196_168, "timm:mixer_l16_224"),
    Published("vision/gmlp", "gmlp_ti16", 5_867_328, "timm:gmlp_ti16_224", 224),
    Published("vision/gmlp", "gmlp_s16", 19_422_656, "timm:gmlp_s16_224"),
    Published("vision/gmlp", "gmlp_b16", 73_075_392, "timm:gmlp_b16_224"),
    Published("vision/resmlp", "resmlp_s12", 15_350_872, "timm:resmlp_12_224"),
    Published("vision/resmlp", "resmlp_s24", 30_020_680, "timm:resmlp_24_224"),
    Published("vision/resmlp", "resmlp_s36", 44_690_488, "timm:resmlp_36_224"),
    Published("vision/resmlp", "resmlp_b24", 129_138_280, "timm:resmlp_big_24_224"),
    Published("vision/convmixer", "convmixer_1536_20", 51_625_960, "timm:convmixer_1536_20"),
    Published("vision/convmixer", "convmixer_768_32", 21_110_248, "timm:convmixer_768_32"),
    Published("vision/convmixer", "convmixer_1024_20", 24_383_464, "timm:convmixer_1024_20_ks9_p14", 56),
    Published("vision/poolformer", "poolformer_s12", 11_915_176, "timm:poolformer_s12", 96),
    Published("vision/poolformer", "poolformer_s24", 21_388_968, "timm:poolformer_s24"),
    Published("vision/poolformer", "poolformer_s36", 30_862_760, "timm:poolformer_s36"),
    Published("vision/poolformer", "poolformer_m36", 56_172_520, "timm:poolformer_m36"),
    Published("vision/poolformer", "poolformer_m48", 73_473_448, "timm:poolformer_m48"),
    Published("vision/dinov2", "dinov2_s14", 22_056_192, "timm:vit_small_patch14_dinov2", 56),
    Published("vision/dinov2", "dinov2_b14", 86_579_712, "timm:vit_base_patch14_dinov2"),
    Published("vision/dinov2", "dinov2_l14", 304_367_616, "timm:vit_large_patch14_dinov2"),
    Published("vision/dinov2", "dinov2_g14", 1_136_479_232, "timm:vit_giant_patch14_dinov2"),
    Published("vision/dinov2", "dinov2_s14_reg", 22_057_344, "timm:vit_small_patch14_reg4_dinov2"),
    Published("vision/dinov2", "dinov2_b14_reg", 86_582_016, "timm:vit_base_patch14_reg4_dinov2"),
    Published("vision/dinov2", "dinov2_l14_reg", 304_370_688, "timm:vit_large_patch14_reg4_dinov2"),
    Published("vision/dinov2", "dinov2_g14_reg", 1_136_483_840, "timm:vit_giant_patch14_reg4_dinov2"),
    Published("vision/cait", "cait_xxs24", 11_956_264, "timm:cait_xxs24_224", 48),
    Published("vision/cait", "cait_xxs36", 17_299_720, "timm:cait_xxs36_224"),
    Published("vision/cait", "cait_xs24_384", 26_670_088, "timm:cait_xs24_384"),
    Published("vision/cait", "cait_s24", 46_916_200, "timm:cait_s24_224"),
    Published("vision/cait", "cait_s36_384", 68_366_632, "timm:cait_s36_384"),
    Published("vision/cait", "cait_m36_384", 271_221_352, "timm:cait_m36_384"),
    Published("vision/cait", "cait_m48_448", 356_460_520, "timm:cait_m48_448"),
    Published("vision/xcit", "xcit_nano_12_p16", 3_053_224, "timm:xcit_nano_12_p16_224", 64, single="its positions"),
    Published("vision/xcit", "xcit_tiny_12_p16", 6_716_272, "timm:xcit_tiny_12_p16_224", 64, single="its positions"),
    Published("vision/xcit", "xcit_tiny_24_p16", 12_116_896, "timm:xcit_tiny_24_p16_224"),
    Published("vision/xcit", "xcit_small_12_p16", 26_253_304, "timm:xcit_small_12_p16_224"),
    Published("vision/xcit", "xcit_small_24_p16", 47_671_384, "timm:xcit_small_24_p16_224"),
    Published("vision/xcit", "xcit_medium_24_p16", 84_395_752, "timm:xcit_medium_24_p16_224"),
    Published("vision/xcit", "xcit_large_24_p16", 189_096_136, "timm:xcit_large_24_p16_224"),
    Published("vision/crossvit", "crossvit_tiny", 7_014_800, "timm:crossvit_tiny_240", 240),
    Published("vision/crossvit", "crossvit_small", 26_856_272, "timm:crossvit_small_240"),
    Published("vision/crossvit", "crossvit_base", 105_025_232, "timm:crossvit_base_240"),
    Published("vision/crossvit", "crossvit_9", 8_553_296, "timm:crossvit_9_240"),
    Published("vision/crossvit", "crossvit_15", 27_528_464, "timm:crossvit_15_240"),
    Published("vision/crossvit", "crossvit_18", 43_271_408, "timm:crossvit_18_240"),
    Published("vision/levit", "levit_128s", 7_777_058, "timm:levit_128s"),
    Published("vision/levit", "levit_128", 9_213_936, "timm:levit_128"),
    Published("vision/levit", "levit_192", 10_947_069, "timm:levit_192"),
    Published("vision/levit", "levit_256", 18_893_876, "timm:levit_256"),
    Published("vision/levit", "levit_384", 39_128_836, "timm:levit_384"),
    Published("vision/mobilevit", "mobilevit_xxs", 1_272_024, "timm:mobilevit_xxs", 128),
    Published("vision/mobilevit", "mobilevit_xs", 2_317_848, "timm:mobilevit_xs"),
    Published("vision/mobilevit", "mobilevit_s", 5_578_632, "timm:mobilevit_s"),
    Published("vision/repvgg", "repvgg_a0", 9_108_968, "timm:repvgg_a0", 64),
    Published("vision/repvgg", "repvgg_a1", 14_092_264, "timm:repvgg_a1"),
    Published("vision/repvgg", "repvgg_a2", 28_210_600, "timm:repvgg_a2"),
    Published("vision/repvgg", "repvgg_b0", 15_817_960, "timm:repvgg_b0"),
    Published("vision/repvgg", "repvgg_b1", 57_415_016, "timm:repvgg_b1"),
    Published("vision/repvgg", "repvgg_b1g4", 39_966_056, "timm:repvgg_b1g4"),
    Published("vision/repvgg", "repvgg_b2", 89_022_376, "timm:repvgg_b2"),
    Published("vision/repvgg", "repvgg_b3", 123_085_288, "timm:repvgg_b3"),
    Published("vision/senet", "seresnet50", 28_088_024, "timm:seresnet50", 64),
    Published("vision/senet", "seresnet101", 49_326_872, "timm:seresnet101"),
    Published("vision/senet", "seresnet152", 66_821_848, "timm:seresnet152"),
    Published("vision/senet", "seresnext50_32x4d", 27_559_896, "timm:seresnext50_32x4d", 64),
    Published("vision/senet", "seresnext101_32x4d", 48_955_416, "timm:seresnext101_32x4d"),
    Published("vision/xception", None, 22_855_952, "timm:legacy_xception", 96),
    Published("vision/darknet53", None, 41_609_928, "timm:darknet53"),
    Published("vision/ghostnet", "ghostnet_050", 2_587_292, "timm:ghostnet_050"),
    Published("vision/ghostnet", "ghostnet_100", 5_182_508, "timm:ghostnet_100", 64),
    Published("vision/ghostnet", "ghostnet_130", 7_358_820, "timm:ghostnet_130"),
    Published("vision/inception_resnet_v2", None, 55_843_464, "timm:inception_resnet_v2", 96),
    Published("vision/mobileone", "mobileone_s0", 5_293_272, "timm:mobileone_s0", 64),
    Published("vision/mobileone", "mobileone_s1", 4_825_192, "timm:mobileone_s1"),
    Published("vision/mobileone", "mobileone_s2", 7_884_648, "timm:mobileone_s2"),
    Published("vision/mobileone", "mobileone_s3", 10_170_600, "timm:mobileone_s3"),
    Published("vision/mobileone", "mobileone_s4", 14_951_248, "timm:mobileone_s4", 64),
    Published("vision/starnet", "starnet_s1", 2_869_168, "timm:starnet_s1", 64),
    Published("vision/starnet", "starnet_s2", 3_682_024, "timm:starnet_s2"),
    Published("vision/starnet", "starnet_s3", 5_750_792, "timm:starnet_s3"),
    Published("vision/starnet", "starnet_s4", 7_482_728, "timm:starnet_s4"),
    Published("vision/convnextv2", "convnextv2_atto", 3_708_400, "timm:convnextv2_atto"),
    Published("vision/convnextv2", "convnextv2_femto", 5_233_240, "timm:convnextv2_femto"),
    Published("vision/convnextv2", "convnextv2_pico", 9_066_280, "timm:convnextv2_pico"),
    Published("vision/convnextv2", "convnextv2_nano", 15_623_800, "timm:convnextv2_nano"),
    Published("vision/convnextv2", "convnextv2_tiny", 28_635_496, "timm:convnextv2_tiny"),
    Published("vision/convnextv2", "convnextv2_base", 88_717_800, "timm:convnextv2_base"),
    Published("vision/convnextv2", "convnextv2_large", 197_956_840, "timm:convnextv2_large"),
    Published("vision/convnextv2", "convnextv2_huge", 660_289_640, "timm:convnextv2_huge"),
    Published("vision/vovnet", None, 24_568_936, "timm:ese_vovnet39b", 64),
    Published("vision/sknet", "skresnet18", 11_958_056, "timm:skresnet18", 64),
    Published("vision/sknet", "skresnet34", 22_282_376, "timm:skresnet34"),
    Published("vision/cbam", None, 28_073_576, "timm's resnet50 with block_args={'attn_layer': 'cbam'}"),
    Published("generative/dcgan_generator", None, 3_576_704, "PyTorch's DCGAN tutorial"),
    Published("generative/dcgan_discriminator", None, 2_765_568, "PyTorch's DCGAN tutorial"),
    Published("generative/cyclegan_generator", None, 11_378_179, "the authors' code prints 11.378 M"),
    Published("generative/pix2pix_generator", None, 54_413_955, "the authors' code prints 54.414 M"),
    Published("audio/hifigan_generator", "hifigan_v1", 13_926_017, "13.92 M in the paper's table 1"),
    Published(
        "audio/wav2vec2", None, 94_370_816, "transformers' Wav2Vec2Model without 768 for masks and 128 of a weight norm"
    ),
    Published("language/bert", "bert_base", 109_482_240, "transformers' BertModel"),
    Published("language/bert", "bert_large", 335_141_888, "transformers' BertModel"),
    Published("language/distilbert", None, 66_362_880, "transformers' DistilBertModel"),
    Published("vision/edsr", "edsr_baseline_x2", 1_369_859, "the authors' code"),
    Published("vision/edsr", "edsr_x2", 40_729_603, "the authors' code"),
    Published("vision/srcnn", "srcnn_915", 8_129, "8,032 weights in the paper, and 97 biases"),
    Published("vision/srcnn", "srcnn_955", 57_281, "57,184 weights in the paper, and 97 biases"),
    Published("vision/deeplabv3", None, 42_004_074, "torchvision"),
    Published("vision/nerf", None, 595_844, "the authors' code"),
    Published("tabular/gcn", None, 23_063, "the authors' code, for Cora"),
    Published("vision/eca_resnet", None, 25_557_118, "timm's resnet50 with block_args={'attn_layer': 'eca'}"),
    Published("vision/r3d", None, 33_371_472, "torchvision"),
    Published("vision/clip_image", "clip_b32", 87_849_216, "transformers' CLIPVisionModelWithProjection"),
    Published("vision/clip_image", "clip_b16", 86_192_640, "transformers' CLIPVisionModelWithProjection"),
    Published("vision/clip_image", "clip_l14", 303_966_208, "transformers' CLIPVisionModelWithProjection"),
    Published("vision/pvt_v2", "pvt_v2_b0", 3_666_760, "timm:pvt_v2_b0", 64),
    Published("vision/pvt_v2", "pvt_v2_b1", 14_009_000, "timm:pvt_v2_b1"),
    Published("vision/pvt_v2", "pvt_v2_b2", 25_362_856, "timm:pvt_v2_b2"),
    Published("vision/pvt_v2", "pvt_v2_b3", 45_238_696, "timm:pvt_v2_b3"),
    Published("vision/pvt_v2", "pvt_v2_b4", 62_556_072, "timm:pvt_v2_b4"),
    Published("vision/pvt_v2", "pvt_v2_b5", 81_956_008, "timm:pvt_v2_b5"),
    Published("vision/beit", None, 86_530_984, "timm:beit_base_patch16_224"),
    Published("vision/esrgan", None, 16_697_987, "the authors' code"),
    Published("audio/whisper_encoder", "whisper_tiny", 7_632_384, "transformers' WhisperEncoder without its positions"),
    Published(
        "audio/whisper_encoder", "whisper_base", 19_822_592, "transformers' WhisperEncoder without its positions"
    ),
    Published(
        "audio/whisper_encoder", "whisper_small", 87_002_112, "transformers' WhisperEncoder without its positions"
    ),
]
